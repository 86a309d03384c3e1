//! The syntax of other tools: words of a command line, keys and tags of a declaration, the
//! beginnings of references, and addresses in AWS's console. A line of a table has the words of
//! other tools, ` = `, and what to write instead.

use percent_encoding::percent_decode_str;

use super::shown::reads_like_a_name;

/// Subcommands and options.
const COMMAND_LINE: &str = "\
exec inject launch run start = secrets-exec [OPTIONS] -- COMMAND
fetch print read show = secrets-exec get prod/db:password
diff info list ls status --dry-run = secrets-exec check
env = secrets-exec export --format shell
--environment --key --password --query --secret --secret-id --secrets --set = --env DB_PASSWORD=prod/db:password
--prefix = --env-from APP_=prod/app
--env-file = secrets-exec migrate FILE --secret prod/app, which turns a .env file into a declaration
--config = -f secrets-exec.yaml
--poll --watch = --on-rotation restart
--interval = --on-rotation restart --poll-interval 5m
--pristine = --clean-env";

/// Keys of a declaration. A line applies where our key is allowed.
const KEYS: &str = "\
arn id name ref secret secretRef valueFrom = from
arn from name ref secret secretRef valueFrom = id
exclude = except
environment vars = env";

/// YAML tags in lower case, which are left out.
const TAGS: &str = "file ref secret str sub var = ";

/// The beginnings of references, and those of the text in CloudFormation's `{{resolve:…}}`. If the
/// translation is empty, the secret isn't in AWS. Its name has a slash, because `vault:token` may
/// be the key of a secret "vault".
const PREFIXES: [(&str, &str); 22] = [
    ("{{resolve:secretsmanager:", "secretsmanager:"),
    ("aws:secretsmanager:", "secretsmanager:"),
    ("secretsmanager:", "secretsmanager:"),
    ("aws-sm:", "secretsmanager:"),
    ("awssm:", "secretsmanager:"),
    ("sm://", "secretsmanager:"),
    ("{aws-sm}", "secretsmanager:"),
    ("ref+awssecrets:", "secretsmanager:"),
    ("ssm://", "ssm:/"),
    ("ssm-secure://", "ssm:/"),
    ("aws-ssm://", "ssm:/"),
    ("awsssm://", "ssm:/"),
    ("parameter:/", "ssm:/"),
    ("ref+awsssm:", "ssm:/"),
    ("{{resolve:ssm:", "ssm:"),
    ("{{resolve:ssm-secure:", "ssm:"),
    ("ssm-secure:", "ssm:"),
    ("aws-ssm:", "ssm:"),
    ("awsssm:", "ssm:"),
    ("{aws-ssm}", "ssm:"),
    ("op://", ""),
    ("vault:", ""),
];

/// The hosts of AWS's console, in all partitions.
const CONSOLES: [&str; 2] = ["console.aws.amazon.com/", "console.amazonaws"];

/// Returns the words of a table, each with its translation.
fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = table.lines().filter_map(|line| line.split_once(" = "));
    lines.flat_map(|(words, ours)| words.split(' ').map(move |word| (word, ours)))
}

/// Returns what to write instead of a subcommand or an option.
pub fn replacement(word: &str) -> Option<&'static str> {
    let (_, ours) = rows(COMMAND_LINE).find(|(other, _)| *other == word)?;
    Some(ours)
}

/// Returns our key for a key of a declaration, if it is one of the `known` keys.
pub fn own_key(key: &str, known: &[&str]) -> Option<&'static str> {
    let (_, ours) = rows(KEYS).find(|(other, ours)| *other == key && known.contains(ours))?;
    Some(ours)
}

/// Returns the remedy for a value with a YAML tag, such as `!var` or `!var:file`. `tag` doesn't
/// have the exclamation mark. Without a value, the tag may be a password that begins with one.
pub fn tag_remedy(tag: &str, value: &str) -> Option<String> {
    let word = tag.split(':').next().unwrap_or_default().to_lowercase();
    rows(TAGS).find(|(other, _)| *other == word && !value.is_empty())?;
    let reference = value.replace('#', ":");
    Some(match reads_like_a_name(&reference) {
        true => format!("write {reference}, without \"!{tag}\""),
        false => format!("leave out \"!{tag}\""),
    })
}

/// Returns the prefix with which a reference begins, and its translation.
pub fn prefix(text: &str) -> Option<(&'static str, &'static str)> {
    PREFIXES.into_iter().find(|(prefix, ours)| {
        let rest = text.strip_prefix(prefix);
        rest.is_some_and(|rest| !ours.is_empty() || rest.contains('/'))
    })
}

/// Returns what is wrong with a reference in the syntax of another tool, as a predicate, and our
/// reference, which is empty if there isn't one.
pub fn reference(text: &str) -> Option<(String, String)> {
    if text.contains("://") && CONSOLES.iter().any(|host| text.contains(host)) {
        let name = text
            .split(['?', '&'])
            .find_map(|field| field.strip_prefix("name="));
        let decoded = percent_decode_str(name.unwrap_or_default()).decode_utf8_lossy();
        let predicate = "is the address of a page in AWS's console";
        return Some((predicate.to_owned(), decoded.into_owned()));
    }

    let (prefix, ours) = prefix(text)?;
    let predicate = format!("begins with \"{prefix}\", which is the syntax of another tool");
    // Some tools write secretsmanager://prod/db.
    let slashes = if ours.ends_with('/') { "/" } else { "//" };
    let rest = text[prefix.len()..].trim_start_matches(slashes);
    // CloudFormation writes prod/db:SecretString:password, and others prod/db#password.
    let fields = rest.trim_end_matches("}}").replace(":SecretString", "");
    let fields = fields.replace("#/", ":").replace('#', ":");
    let reference = match ours {
        "" => String::new(),
        ours => ours.trim_start_matches("secretsmanager:").to_owned() + &fields,
    };
    Some((predicate, reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_of_another_tool_is_translated() {
        for (text, ours) in [
            ("aws-sm:prod/db:password", "prod/db:password"),
            ("awssm://prod/db#password", "prod/db:password"),
            ("ref+awssecrets://prod/db#/password", "prod/db:password"),
            ("{aws-ssm}/prod/app", "ssm:/prod/app"),
            ("ssm://prod/app", "ssm:/prod/app"),
            ("ssm:///prod/app", "ssm:/prod/app"),
            ("ssm-secure:/prod/app", "ssm:/prod/app"),
            ("ssm-secure:app", "ssm:app"),
            ("parameter:/prod/app", "ssm:/prod/app"),
            ("{{resolve:ssm:/prod/app}}", "ssm:/prod/app"),
            ("op://vault/item/field", ""),
            ("vault:secret/data/db#password", ""),
            (
                "https://us-east-1.console.aws.amazon.com/secretsmanager/secret?name=prod%2Fdb&region=us-east-1",
                "prod/db",
            ),
            (
                "https://console.amazonaws.cn/secretsmanager/home?region=cn-north-1#!/secret?name=prod%2Fdb",
                "prod/db",
            ),
            (
                "https://console.aws.amazon.com/secretsmanager/listsecrets",
                "",
            ),
        ] {
            assert_eq!(
                reference(text).map(|(_, ours)| ours).as_deref(),
                Some(ours),
                "{text}"
            );
        }
        for text in [
            "vault:token",
            "parameter:key",
            "ssm:/prod/app",
            "prod/db",
            "sm:key",
            "op:x",
            "postgres://console.acme.com/app",
        ] {
            assert_eq!(reference(text), None, "{text}");
        }
    }
}
