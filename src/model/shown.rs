//! Decides which parts of a text are shown in messages, and how the text is quoted.
//!
//! Messages repeat what the user wrote, but [`shown`] masks what looks like a credential, because a
//! log may be kept for years. Only the text itself decides, so a password such as `hunter2` is
//! shown.
//!
//! The user didn't write the keys of a secret's value, so they have a rule of their own
//! ([`is_quotable`]). Text from a server goes through `system::redaction`, which hides any text
//! that contains a credential in use.

use std::borrow::Cow;
use std::path::Path;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

use super::environment::{CommandLine, is_alphanumeric_or};

/// Matches well-known services' tokens, unless a letter or a digit comes directly before one. Also
/// matches everything after the first line of a PEM file.
const TOKEN: &str = r"(?xs)
    (?<before> ^ | [^[:alnum:]] ) (?<token>
        (AKIA|ASIA)[0-9A-Z]{16}
        | gh[oprsu]_[[:alnum:]]{30,} | github_pat_\w{20,} | glpat-[\w.-]{20,}
        | npm_[[:alnum:]]{36,} | hf_[[:alnum:]]{30,} | pypi-AgE[\w-]{20,}
        | dckr_pat_[\w-]{20,} | shpat_[[:alnum:]]{20,}
        | [rs]k_(live|test)_[[:alnum:]]{16,} | whsec_[[:alnum:]/+]{20,}
        | sk-[\w-]*[[:alnum:]]{20,}[\w-]* | xox[a-z]-[\w-]{10,}
        | AIza[\w-]{35,} | GOCSPX-[\w-]{20,} | SG\.[\w-]{16,}\.[\w-]{16,}
        | hvs\.[\w-]{20,} | NRAK-[[:alnum:]]{20,} | AGE-SECRET-KEY-1[[:alnum:]]{20,}
        | eyJ[\w-]{5,}\.eyJ[\w.-]*
    )
    | (?<header> -----BEGIN\ [[:alnum:]\ ]+-----\s* ) (?<key> .{5,} )";
/// Never `None`, because the expression is valid.
static TOKEN_REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(TOKEN).ok());

/// A URL from its `://` on. An unencoded password may contain `/`, `?` and `:`, so the login
/// extends to the last `@`.
static URL_REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let url = r#"://(?<login>[^\s"<>]*@)?(?<host_and_path>[^\s"<>?#]*)(?<query>[?#][^\s"<>]*)?"#;
    Regex::new(url).ok()
});

/// Long runs of characters that may be [random](is_random): base64 that is at least as long as an
/// AWS secret access key, and at least 20 letters and digits.
///
/// Both expressions also match a whole ARN, so that its parts aren't judged separately. A secret's
/// ARN ends with two fields, as in `secret:prod/db-AbCdEf`. A KEY after them isn't part of the
/// match.
static LONG_RUNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let arn = r"arn(:[^:\s]*){4}:(secret:)?[^:\s]*";
    ["[[:alnum:]/+]{40,}", "[[:alnum:]]{20,}"]
        .iter()
        .filter_map(|run| Regex::new(&format!("{arn}|{run}")).ok())
        .collect()
});

/// In characters.
pub const MAX_SHOWN_LENGTH: usize = 200;

/// Prepares a text for a message: masks what looks like a credential, so that
/// `AKIAIOSFODNN7EXAMPLE` becomes `AKIA…`, and truncates a long text.
///
/// Call this only if the text will be printed: the first call compiles regular expressions, which
/// takes about 0.1 ms.
pub fn shown(text: &str) -> String {
    shortened(masked_text(text), MAX_SHOWN_LENGTH)
}

/// Truncates a text to `length` characters, and adds `…`.
pub fn shortened(text: String, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The part of a version id that distinguishes a secret's versions: the beginning of a UUID, or the
/// end of another id. Terraform's ids, for example, all begin with the same characters.
pub fn shown_version(id: &str) -> String {
    if id.split('-').map(str::len).eq([8, 4, 4, 4, 12]) {
        return id.chars().take(8).collect();
    }
    let left_out = id.chars().count().saturating_sub(12);
    id.chars().skip(left_out).collect()
}

fn masked_text(text: &str) -> String {
    let mut text = without_tokens(text);
    for runs in &*LONG_RUNS {
        let masked = runs.replace_all(&text, |run: &Captures<'_>| {
            if is_random(&run[0]) {
                masked(&run[0])
            } else {
                run[0].to_owned()
            }
        });
        text = masked.into_owned();
    }
    text
}

/// True if messages mask a part of the text. A help text can't suggest a correction of such a text,
/// because the correction would be masked, too.
pub fn has_credential(text: &str) -> bool {
    masked_text(text) != text
}

/// The text or, if messages mask a part of it, the placeholder. For help that repeats what the user
/// wrote.
pub fn text_or<'t>(placeholder: &'t str, text: &'t str) -> &'t str {
    if has_credential(text) {
        placeholder
    } else {
        text
    }
}

/// The text as an argument of a suggested command, in quotes if a shell needs them. The placeholder
/// replaces a text that messages mask.
pub fn shell_word(placeholder: &str, text: &str) -> String {
    let word = text_or(placeholder, text);
    // `=` is special only in the first words of a command, but shlex would quote every argument
    // that contains it. So shlex gets a text without `=`.
    if let Ok(Cow::Borrowed(_)) = shlex::try_quote(&word.replace('=', "-")) {
        return word.to_owned();
    }
    // The only error is a NUL byte, which no argument has.
    shlex::try_quote(word).unwrap_or_default().into_owned()
}

/// Masks private keys, well-known tokens, and every URL's user name, password, query and fragment.
/// Only these are masked in ARNs and in text from a server, because AWS's own names look random,
/// too.
pub fn without_tokens(text: &str) -> String {
    without_known_tokens(without_url_secrets(text))
}

fn without_known_tokens(text: String) -> String {
    let Some(token) = &*TOKEN_REGEX else {
        return "…".to_owned();
    };
    // A report may have thousands of lines, and replacing is slow, so first look for a token in the
    // words that are long enough for one.
    if !text.contains("-----BEGIN")
        && !text
            .split_whitespace()
            .any(|word| word.len() >= 12 && token.is_match(word))
    {
        return text;
    }
    token.replace_all(&text, masked_match).into_owned()
}

fn masked_match(found: &Captures<'_>) -> String {
    let part = |name| found.name(name).map_or("", |part| part.as_str());
    let kept = [part("before"), part("header")].concat();
    kept + &masked(part("token")) + &masked(part("key"))
}

fn masked(credential: &str) -> String {
    if credential.is_empty() {
        return String::new();
    }
    credential.chars().take(4).chain(['…']).collect()
}

/// True for a text that was probably generated. It has 32 hexadecimal digits in a row, or a mix
/// that people don't write: a capital letter, a digit, and words of fewer than 2.25 characters on
/// average.
///
/// `Prod2024x` has the words `Prod`, `2024` and `x`. Everything after the last lowercase letter is
/// ignored, because CDK's names end with hexadecimal digits: `TaskRole30FC0FBB`.
///
/// This recognizes 90 % of random texts with 20 letters and digits, and 98.4 % with 40.
fn is_random(run: &str) -> bool {
    if run.starts_with("arn:") {
        return false;
    }
    if run
        .split(|c: char| !c.is_ascii_hexdigit())
        .any(|digits| digits.len() >= 32)
    {
        return true;
    }
    let letters_and_digits = run.replace(['/', '+'], "");
    let judged = letters_and_digits.trim_end_matches(|c: char| !c.is_ascii_lowercase());
    let has_capital = judged.contains(|c: char| c.is_ascii_uppercase());
    let has_digit = judged.contains(|c: char| c.is_ascii_digit());
    // A new word begins at every capital letter, and wherever letters and digits meet.
    let later_words = judged
        .as_bytes()
        .windows(2)
        .filter(|pair| {
            pair[1].is_ascii_uppercase() || pair[0].is_ascii_digit() != pair[1].is_ascii_digit()
        })
        .count();
    let words = 1 + later_words;
    has_capital && has_digit && judged.len() * 4 < words * 9
}

/// In bytes.
const MAX_QUOTED_LENGTH: usize = 64;

/// Names a file for messages. Doesn't escape the path, because `report` escapes every line.
pub fn file_name(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    path.display().to_string()
}

/// True if a message may quote this text: a key of a secret, or the path to a value.
///
/// Keys usually aren't secret. But in a malformed file, such as `{ password~ 'hunter2' }`, the
/// parser may mistake a value for a key.
pub fn is_quotable(text: &str) -> bool {
    text.len() <= MAX_QUOTED_LENGTH && is_alphanumeric_or(text, b"_.-/")
}

/// Names a program in messages, without anything that may be a password. Of a whole command line,
/// only the first word is shown: `psql …`.
pub fn shown_program(program: &str) -> String {
    let masked = without_tokens(program);
    let first_word = masked
        .split(|c: char| c.is_whitespace() || "|&;<>('\"`".contains(c))
        .next()
        .unwrap_or_default();
    match first_word.split_once('=') {
        Some((name, _)) => format!("{name}=…"),
        // The value may directly follow the option: `-phunter2`.
        None if first_word.starts_with('-') => "-…".to_owned(),
        None if first_word == masked => masked,
        None => format!("{first_word} …"),
    }
}

pub fn quoted_program(command: &CommandLine) -> String {
    let shown = shown_program(&command.program().to_string_lossy());
    format!("\"{shown}\"")
}

/// A noun with a name in quotes, such as `key "password"`.
pub fn noun_with_name(noun: &str, name: &str) -> String {
    format!("{noun} {:?}", shown(name))
}

/// The maximum number of names to list in a line of text.
pub const MOST_NAMES: usize = 8;

/// Lists names: `A, B and C`. A list of more than [`MOST_NAMES`] ends with `…` instead.
pub fn some_of(names: &[String]) -> String {
    first_of(names, names.len())
}

/// Like [`some_of`], but also adds `…` if `total` is greater than the number of names. `total`
/// includes names that can't be shown.
pub fn first_of(names: &[String], total: usize) -> String {
    let first = &names[..names.len().min(MOST_NAMES)];
    if first.len() < total {
        return [first, &["…".to_owned()]].concat().join(", ");
    }
    match first {
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// The predicate `doesn't match the pattern "…"`.
pub fn pattern_mismatch(pattern: &str) -> String {
    format!("doesn't match the pattern \"{}\"", shown(pattern))
}

/// The end of a message that says what a value must be: `, not "…"`.
pub fn not_this_value(value: &str) -> String {
    if value.starts_with('$') || value.contains("${") || value.contains("$(") {
        return ", but it contains an unexpanded variable".to_owned();
    }
    // In a malformed URL, any part may be the password, so the value isn't quoted. `\u{fffd}`
    // replaces bytes that aren't UTF-8.
    if value.contains([':', '@', '?', '#', '\u{fffd}']) {
        let what = if value.contains(' ') {
            ", but it contains a space"
        } else {
            ""
        };
        return what.to_owned();
    }
    format!(", not {:?}", shown(value))
}

/// True if the text begins with a quote, which was probably meant for a shell.
pub fn is_in_quotes(text: &str) -> bool {
    text.starts_with(['"', '\''])
}

/// Invisible characters that `escape_debug` doesn't escape: some with the Unicode property
/// Default_Ignorable_Code_Point, and the blank Braille pattern.
const BLANK: &str = "\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180c}\u{180d}\u{180f}\u{2800}\u{3164}\u{ffa0}";

/// Escapes control characters, invisible characters, and characters that change the direction of
/// text, so that no name, path or server's message can end a line or hide part of it. Marks that
/// combine with the preceding character, such as accents, aren't escaped.
pub fn escaped(line: &str) -> String {
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    let mut before = ' ';
    for c in line.chars() {
        match c {
            // These are harmless, but `escape_debug` would escape them.
            '\'' | '"' | '\\' => text.push(c),
            c if BLANK.contains(c) => text.extend(c.escape_unicode()),
            c if before.is_whitespace() => text.extend(c.escape_debug()),
            // `escape_debug` escapes a mark only at the beginning of a text, so begin with a
            // hyphen.
            c => text.extend(format!("-{c}").escape_debug().skip(1)),
        }
        before = c;
    }
    text
}

/// [Escapes](escaped) a line, and masks [tokens](without_known_tokens), which may even be part of a
/// file name. URLs aren't masked here, but where a message is put together, because a help text may
/// show how to write a URL with a password.
pub fn printed(line: &str) -> String {
    escaped(&without_known_tokens(line.to_owned()))
}

/// True for a space, and for a character that is visible by itself or, like an accent, after a
/// letter.
pub fn is_visible(c: char) -> bool {
    matches!(c, ' '..='~') || escaped(&format!("a{c}")).ends_with(c)
}

/// True for a text of ASCII letters, digits and punctuation, in which nothing is easy to overlook.
pub(super) fn is_plain_ascii(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn without_url_secrets(text: &str) -> String {
    let Some(regex) = &*URL_REGEX else {
        return "***".to_owned();
    };
    let masked = regex.replace_all(text, |url: &Captures<'_>| {
        let login = url.name("login").map_or("", |_| "***@");
        let query = url.name("query").map_or("", |_| "?***");
        format!("://{login}{}{query}", &url["host_and_path"])
    });
    masked.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of secrets and parameters, as infrastructure tools make them. Each row says how many
    /// to make, and in which form ([`filled`]).
    const GENERATED_NAMES: &[(usize, &str)] = &[
        // Terraform: random_id, random_string, random_pet, name_prefix, and the ending of an ARN.
        (30, "prod-db-[hex 8]"),
        (10, "prod/db-[hex 16]"),
        (10, "orders_api_[hex 24]"),
        (10, "prod-db-[base62 8]"),
        (10, "prod/orders/[base62 16]"),
        (5, "prod-db-willing-[letters 6]-[letters 5]"),
        (10, "prod-db-20[digits 24]"),
        (5, "ProdDbCreds20[digits 24]"),
        (30, "prod/db-[base62 6]"),
        // CloudFormation and SAM, and CDK, whose logical ids end with eight hexadecimal digits.
        (20, "OrdersDatabaseSecret-[base62 12]"),
        (10, "orders-prod-DBSecret-[capitals 13]"),
        (10, "sam-app-ApiKeySecret-[base62 12]"),
        (20, "OrdersStackDatabaseSecret[HEX 8]-[base62 12]"),
        (10, "TaskDefAppTaskRole[HEX 8]-[capitals 12]"),
        // Serverless, Pulumi, Copilot and RDS.
        (5, "orders-service-dev-[letters 7]Key"),
        (10, "dbPassword-[hex 7]"),
        (5, "/copilot/orders/prod/secrets/[letters 8]"),
        (23, "rds!db-[hex 8]-[hex 4]-[hex 4]-[hex 4]-[hex 12]"),
        (
            5,
            "prod/db:password::[hex 8]-[hex 4]-[hex 4]-[hex 4]-[hex 12]",
        ),
    ];

    /// Names of secrets and parameters, as people write them.
    const WRITTEN_NAMES: &str = "
        prod/db prod/db:password ssm:/app/prod/DB_PASSWORD MyDatabaseSecret db1 hunter2 o/1 prod+db
        prod/OAuth2/secret prod_db_9f3a21 team-a/service-b/v2.1.0 ecr-pullthroughcache/docker-hub
        sk-production-database-password sk_test_database npm_publish_token_for_the_frontend_app
        postgres13PrimaryPassword applicationInsightsKey ecdsaP256PrivKeyPem EuWest1WebAppEnvVar
        correct-horse-battery-staple Admin@123 Summer-2024 https://h.example:8443/p k8s/prod-eu-1/app
        MyTestDatabaseSecret tutorials/MyFirstTutorialSecret AmazonMSK_orders wordpress app/2024-06-01
        events!connection/prod/0f3c redshift!prod-cluster-admin prod/rds/postgres/master prod2024/db
        ssm:/config/orders-service/prod/jwt.secret prod/billing/postgres:username:AWSPREVIOUS db/prod2
        airflow/variables/api_token google/oauth/client-id rails_master_key laravel/.env us-east-1/app
        xoxb-token github_pat_for_ci ghp_token glpat-runner hvs.root whsec_orders shpat_shop AKIA_KEYS
        letsencrypt/account prod/v2/app appsettings.Production ConnectionStrings__Default prod/s3/keys
        PaymentsServiceStripeWebhookSigningSecretProduction prod/DataWarehouse/RedshiftClusterV2Admin
        team/ProdEu1/OrdersApi/v3/DatabaseConnectionStringReadOnly web01/cert newrelic_license dns01
        arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/aB3dE5fG7hJ9kL1mN3pQ5-AbCdEf:key:x:
        arn:aws:sts::123456789012:assumed-role/TaskRole/03ed16a226cb1b95bf1cd6033a0645a8";

    /// Tokens and keys. Each row says how many to make, in which form, and how many of them must be
    /// masked.
    const CREDENTIALS: &[(usize, &str, usize)] = &[
        (100, "[base62 20]", 85),
        (100, "[base62 32]", 95),
        (100, "[base62 40]", 95),
        // Secret access keys of AWS.
        (100, "[base64 40]", 95),
        (10, "[hex 32]", 10),
        (10, "[hex 40]", 10),
        (5, "AKIA[capitals 16]", 5),
        (5, "ASIA[capitals 16]", 5),
        (5, "ghp_[base62 36]", 5),
        (5, "gho_[base62 36]", 5),
        (5, "github_pat_[base62 22]_[base62 59]", 5),
        (5, "glpat-[base62 20]", 5),
        (5, "npm_[base62 36]", 5),
        (5, "hf_[letters 34]", 5),
        (5, "pypi-AgEIcHlwaS5vcmc[letters 120]", 5),
        (5, "xoxb-[digits 12]-[digits 12]-[base62 24]", 5),
        (5, "xoxp-[digits 12]-[base62 24]", 5),
        (5, "sk_live_[base62 24]", 5),
        (5, "sk_test_[base62 24]", 5),
        (5, "rk_live_[base62 24]", 5),
        (5, "sk-[letters 20]", 5),
        (5, "sk-proj-[base62 20]-[base62 20]", 5),
        (5, "sk-ant-api03-[base62 9]_[base62 24]", 5),
        (5, "AIza[base62 35]", 5),
        (5, "SG.[base62 22].[base62 43]", 5),
        (5, "hvs.[base62 24]", 5),
        (5, "whsec_[base62 32]", 5),
        (5, "GOCSPX-[base62 28]", 5),
        (5, "NRAK-[capitals 27]", 5),
        (5, "AGE-SECRET-KEY-1[capitals 58]", 5),
        (5, "dckr_pat_[base62 27]", 5),
        (5, "shpat_[hex 32]", 5),
        (5, "eyJ[base62 20].eyJ[base62 40].[base62 43]", 5),
    ];

    const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+";

    /// Replaces each `[KIND LENGTH]` in a form with this many random characters. `state` must not
    /// be zero.
    fn filled(form: &str, state: &mut u64) -> String {
        let mut text = String::new();
        for part in form.split_inclusive(']') {
            let (before, placeholder) = part.split_once('[').unwrap_or((part, ""));
            text += before;
            let Some((kind, length)) = placeholder.trim_end_matches(']').split_once(' ') else {
                continue;
            };
            let alphabet = match kind {
                "hex" => "0123456789abcdef",
                "HEX" => "0123456789ABCDEF",
                "digits" => "0123456789",
                "letters" => &BASE64[26..52],
                "capitals" => CAPITALS,
                "base62" => &BASE64[..62],
                _ => BASE64,
            };
            for _ in 0..length.parse().unwrap() {
                // Xorshift, by George Marsaglia (2003).
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                let at = (*state >> 16) as usize % alphabet.len();
                text.push_str(&alphabet[at..=at]);
            }
        }
        text
    }

    #[test]
    fn a_name_as_tools_and_people_make_it_is_shown_as_it_is() {
        let mut state = 108;
        let mut names = Vec::from_iter(WRITTEN_NAMES.split_whitespace().map(str::to_owned));
        for (count, form) in GENERATED_NAMES {
            names.extend((0..*count).map(|_| filled(form, &mut state)));
        }
        assert_eq!(names.len(), 300);
        for name in names {
            assert_eq!(shown(&name), name);
        }
    }

    #[test]
    fn a_token_or_key_as_a_service_makes_it_is_masked() {
        let mut state = 108;
        for (count, form, wanted) in CREDENTIALS {
            let credentials = Vec::from_iter((0..*count).map(|_| filled(form, &mut state)));
            let masked = credentials.iter().filter(|text| has_credential(text));
            let masked = masked.count();
            assert!(masked >= *wanted, "{form}: {masked} of {count}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_credential_is_shown() {
        for (text, expected) in [
            ("AKIAIOSFODNN7EXAMPLE", "AKIA…"),
            ("prod/chat:xoxb-1234-abcdEFGH", "prod/chat:xoxb…"),
            (
                "prod/db:ghp_16C7e42F292c6912E7710c838347Ae178B4a",
                "prod/db:ghp_…",
            ),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJal…"),
            ("DB_KEY=q7Xw9LmN2pZr4TbV6YcK,x", "DB_KEY=q7Xw…,x"),
            ("app/03ed16a226cb1b95bf1cd6033a0645a8/x", "app/03ed…/x"),
            (
                "-----BEGIN PRIVATE KEY----- MIIEow",
                "-----BEGIN PRIVATE KEY----- MIIE…",
            ),
            (
                "\"^-----BEGIN PRIVATE KEY-----$\"",
                "\"^-----BEGIN PRIVATE KEY-----$\"",
            ),
            ("postgres://app:hunter2@db/app", "postgres://***@db/app"),
            (
                "arn:aws:secretsmanager:us-east-1:1:secret:a-AbCdEf:q7Xw9LmN2pZr4TbV6YcK",
                "arn:aws:secretsmanager:us-east-1:1:secret:a-AbCdEf:q7Xw…",
            ),
            (&"prod/".repeat(50), &("prod/".repeat(40) + "…")),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn a_message_shows_where_a_url_leads_but_not_its_password_and_its_query() {
        for (text, expected) in [
            ("no URL: a@b?c", "no URL: a@b?c"),
            ("https://h.example:8443/p", "https://h.example:8443/p"),
            (
                "(http://u:p@h/x?t=1#f): refused",
                "(http://***@h/x?*** refused",
            ),
            (
                "\"http://u:p/w@h\" and https://h#t",
                "\"http://***@h\" and https://h?***",
            ),
            ("http://u@h://v@w ://", "http://***@w ://"),
        ] {
            assert_eq!(without_url_secrets(text), expected, "{text}");
        }
    }

    #[test]
    fn a_message_does_not_quote_a_key_that_could_be_a_value() {
        for text in [
            "",
            "soon",
            "DB_PASSWORD",
            "spring.datasource.url",
            "a-b",
            "/etc/ca.pem",
            &"x".repeat(64),
        ] {
            assert!(is_quotable(text), "{text}");
        }
        let long = "x".repeat(65);
        for text in [
            "two words",
            "~'hunter2'",
            "a:b",
            "u:p@h",
            "p%40h",
            "a?b",
            "aGk=",
            "\u{e9}",
            "a\n",
            &long,
        ] {
            assert!(!is_quotable(text), "{text}");
        }
    }

    #[test]
    fn a_line_about_many_names_has_the_first_eight() {
        let names: Vec<String> = ('A'..='J').map(String::from).collect();
        assert_eq!(some_of(&names), "A, B, C, D, E, F, G, H, …");
        assert_eq!(some_of(&names[..3]), "A, B and C");
        assert_eq!(some_of(&names[..1]), "A");
        assert_eq!(some_of(&[]), "");
        assert_eq!(first_of(&names[..2], 3), "A, B, …");
    }
}
