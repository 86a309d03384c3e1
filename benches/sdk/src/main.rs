//! `sdk NAME=SECRET:KEY… -- COMMAND ARG…` does the same as floor, written as most people would
//! write it: with the default client of the AWS SDK for Rust, which sends all requests at the same
//! time.

use std::env;
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client;
use futures_util::future::try_join_all;
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let wanted: Vec<String> = arguments.by_ref().take_while(|word| word != "--").collect();
    let mut command = Command::new(arguments.next().ok_or("no command")?);

    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let client = Client::new(&config);
    let values = try_join_all(wanted.iter().map(|entry| read(&client, entry))).await?;
    #[allow(clippy::disallowed_methods, reason = "as in floor")]
    let error = command.args(arguments).envs(values).exec();
    Err(error.into())
}

/// Reads the secret of an entry `NAME=SECRET:KEY`. Returns the name, and the value of the key.
async fn read<'a>(client: &Client, entry: &'a str) -> Result<(&'a str, String)> {
    let (name, reference) = entry.split_once('=').ok_or("no reference")?;
    let (secret, key) = reference.rsplit_once(':').ok_or("no key")?;
    let answer = client.get_secret_value().secret_id(secret).send().await?;
    let text = answer.secret_string().ok_or("no text")?;
    let keys: Value = serde_json::from_str(text)?;
    Ok((name, keys[key].as_str().ok_or("no such key")?.to_owned()))
}
