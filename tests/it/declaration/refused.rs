//! Declarations that are refused: the error names the line, the column and the reason, and nothing
//! is requested or started.

use crate::support::*;

/// Each row has a reason, and the declarations that are refused for it. A `^` marks the place that
/// the error names. Without a `^`, the error names only the line. If a declaration contains `…`,
/// each of the texts after it in that line is inserted there.
///
/// The schema refuses these declarations, too. Every new rule for declarations gets a row.
const REFUSED: &str = r##"
must be a mapping of names to values, not | ^[] | ^text | env: ^"A==" | ^[A=x:k] | secrets: ^[x]
an entry in "files" must be a mapping, not a string | files: [^"x:k"]
must be followed by a colon and a space | env: ^"A:x:k" | env: ^"A=x:k" | env: {^"A=x:k": "x:k"} | env: {^"A:x:k"}
this file must be a mapping of names to values, not a string | ^text
is empty (is its value commented out or not indented?) | defaults: ^null | env: ^null | files: ^null
use a mapping of names to references: NAME: SECRET:KEY | env: ^["A=x:k"]
use a mapping of aliases to secrets: ALIAS: SECRET | secrets: ^["A=x:k"]
must be a list of references: [SECRET], not a mapping | env-from: ^{} | env-from: ^{from: x}
must be a list whose items begin with a hyphen | files: ^{from: "x:k", env: K_FILE}
this file has an unknown key "secretz" | ^secretz: {}
did you mean "secrets"? | ^secretz: {}
put this key under "defaults" | ^region: us-east-1
A isn't under "env" | ^A: "x:k"
can't be set in a declaration | defaults: {^…} | local: secrets.yaml | file: x.yaml | no-file: true
"defaults" has an unknown key | defaults: {^env: "A=x:k"}
did you mean "role-arn"? | defaults: {^role_arn: "arn:aws:iam::123456789012:role/Reader"}
use one value | defaults: {…: ^null} | region | profile
for an empty value, write "" | defaults: {unset: [^null]} | env: {A: {value: ^null}} | env: {A: {from: "x:k", default: ^null}}
must be one value, not a list | defaults: {…} | region: ^[us-east-1] | cache: ^[/run/cache]
must be text, not a list | defaults: {…} | unset: [^[X]]
    | env: {A: {…}} | value: ^[v] | template: ^[t]
must be true or false, not a string | defaults: {…} | keep-existing: ^"true" | clean-env: ^1
    | env: {A: {from: "x:k", optional: ^…}} | 1 | maybe
must be a region code in lower case, such as us-east-1 | defaults: {region: ^…} | us east 1 | -us | US-EAST-1 | evil.example | a/b | "us-east-1?"
    | secrets: {db: {id: x, region: ^us east}} | defaults: {fallback-region: ^[eu-west-1, eu_west]}
must be a role ARN, such as arn:aws:iam::123456789012:role/Reader | defaults: {role-arn: ^…} | Reader | "arn:aws:iam::123456789012:user/me" | "arn:aws:iam::1234:role/Reader" | "arn:aws:iam:*:123456789012:role/Reader" | "arn:aws:iam::123456789012:role/a/"
    | secrets: {db: {id: x, role-arn: ^Reader}}
must be a URL that begins with http:// or https:// | defaults: {endpoint-url: ^…} | "localhost:4566" | "http://" | notaurl | ftp://x
    | defaults: {endpoint-url: ^…} | "http://user@h" | "http://user:4c7a1e@h/path" | "http://h/?token=4c7a1e" | "http://h?token"
must be a URL such as http://127.0.0.1:2773 | defaults: {agent: ^…} | "localhost:2773" | "http://user@localhost"
must be a duration with a unit, such as 30s, 1m30s or 0s | defaults: {cache-ttl: ^soon} | defaults: {cache-stale: ^-1s}
    | defaults: {on-rotation: restart, …} | grace: ^soon | grace: ^-1s | grace: ^5
must be a duration with a unit, longer than 0s, such as 30s or 1m30s | defaults: {timeout: ^…} | "30" | -1s | soon | 1 fortnight | 0s
    | defaults: {wait: ^0s}
must be a duration with a unit, at least 10s | defaults: {on-rotation: restart, poll-interval: ^0s}
must be 0, 1 or 2 | defaults: {…} | verbose: ^3 | quiet: ^"yes"
must be text or json | defaults: {log-format: ^…} | JSON | xml
must be restart, exit or signal=NAME, such as signal=HUP | defaults: {on-rotation: ^…} | Restart | HUP | true | "signal=" | signal=HPU
    | defaults: {on-rotation: ^signal=…} | KILL | STOP | CHLD | PIPE | SIGKILL
must be a signal that a program can handle | defaults: {on-rotation: restart, …} | stop-signal: ^RTMIN+1 | stop-signal: ^HUPP | poll-signal: ^"3"
    | defaults: {on-rotation: restart, stop-signal: ^…} | KILL | STOP | CHLD | PIPE | TTIN | TTOU | SEGV | BUS | FPE | ILL | SIGKILL
    | defaults: {on-rotation: restart, poll-signal: ^…} | KILL | STOP | CHLD | PIPE | TTIN | TTOU | SEGV | BUS | FPE | ILL | SIGKILL
must be a signal that a program can handle, other than TERM, INT and CONT | defaults: {on-rotation: restart, poll-signal: ^…} | SIGTERM | INT | sigcont
isn't a valid alias: use only letters, digits and "_" | secrets: {^…: x} | my-db | 1db | "a b"
isn't a valid alias, because it is a reserved word | secrets: {^…: x} | ssm | arn | env
the alias "db" is empty | secrets: {db: ^null}
the alias "db" must be the name or ARN of a secret, not a list | secrets: {db: ^[x]}
the alias "db" needs "id", the name or ARN of the secret | secrets: {db: ^{stage: AWSPREVIOUS}}
must be a secret without a key or a version | secrets: {db: ^"x:k"} | secrets: {db: {id: ^"x:k"}}
    | secrets: {db: ^"arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf:k"}
the alias "db" has an unknown key | secrets: {db: {id: x, ^key: k}}
has an unknown key "key" | secrets: {db: {id: x, ^key: k}}
did you mean "stage"? | secrets: {db: {id: x, ^stages: y}}
"stage" for the alias "db" is empty | secrets: {db: {id: x, stage: ^""}}
"stage" for the alias "db" contains a space or "$" | secrets: {db: {id: x, stage: ^…}} | a b | "${STAGE}" | $STAGE
"version-id" for the alias "db" contains a space or "$" | secrets: {db: {id: x, version-id: ^"${ID}"}}
"stage" for the alias "db" begins with a byte order mark | secrets: {db: {id: x, stage: ^"\ufeffAWSCURRENT"}}
"stage" for the alias "db" contains curly quotes | secrets: {db: {id: x, stage: ^AWSCURRENT’}}
"external-id" for the alias "db" requires "role-arn" | secrets: {db: {id: x, external-id: ^id}}
doesn't name a secret | env-from: [^""] | env: {A: {from: ^""}} | secrets: {db: ^…} | "" | "ssm:" | env: {A: ^…} | ":k" | "ssm:"
is plain text, not a reference | env: {A: ^…} | "" | 5432 | true
contains " ", which AWS doesn't allow in the name of a secret | secrets: {db: ^no spaces} | env: {A: ^…} | "no spaces:k" | "${STAGE}/d b:host"
which AWS doesn't allow | env: {A: ^"…"} | a#b | a*b | a,b | ä
A variable in it is written ${NAME} | env: {A: ^$x}
has a ${ that isn't followed by a variable name and a closing } | secrets: {db: ^…} | "${STAGE" | "${1}/db" | "${}/db"
a secret is written SECRET:KEY | env: {A: ^"arn:aws:secretsmanager:us-east-1:123456789012:secret:x-??????"} | env: {A: ^"prod/app/*"}
is the ARN of something other than a secret or parameter | secrets: {db: ^"arn:aws:s3:::bucket"}
    | env: {A: ^"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"}
isn't the whole ARN of a secret or parameter | env: {A: ^"arn:…"} |  | aws | aws:secretsmanager | aws:secretsmanager:us-east-1
    | env: {A: ^"arn:aws:secretsmanager:us-east-1:…"} | 123456789012 | 123456789012:secret | 123456789012:secret: | secret:x-AbCdEf:k
    | env: {A: ^"arn:aws:secretsmanager:…:123456789012:secret:x-AbCdEf"} |  | us-east-1.evil.example | a/b | a@b
which AWS doesn't allow | env: {A: ^"arn:aws:secretsmanager:…:123456789012:secret:x-AbCdEf"} | a#b | us-east-1?
contains " ", which AWS | env: {A: ^"arn:aws:secretsmanager:a b:123456789012:secret:x-AbCdEf"}
copy the whole ARN | env: {A: ^"arn:aws:secretsmanager:us-east-1:123456789012:x"}
    | env: {A: ^"arn:aws:secretsmanager:us-east-1::secret:x-AbCdEf"}
    | env: {A: ^"arn:aws:ssm:us-east-1::parameter/prod/x"}
    | env: {A: ^"arn::secretsmanager:us-east-1:123456789012:secret:x-AbCdEf"}
is JSON, a URL or a connection string | env: {A: ^…} | https://api.internal/v1 | "postgres://prod/db:k" | "jdbc:postgresql://h/db" | "x:k://v"
has a stage that contains a space or "$" | env: {A: ^"x:…"} | k:${STAGE:-s} | k:a b
has a version id that contains a space or "$" | env: {A: ^"x:k::${ID}"}
has too many colon-separated fields | env: {A: ^"x:k:s:v:more"} | env: {A: {from: ^"x:k:s:v:more"}}
has several lines | env: {A: ^"a\x0ab"}
has a name that contains curly quotes | env: {A: ^“x:k”}
has a name that begins with a space | env: {A: ^" x:k"}
has a key that ends with a carriage return | env: {A: ^"x:k\r"}
has a key that ends with a space | env: {A: ^"x:k "} | env: {A: {from: ^"x:k :AWSPREVIOUS"}}
has a key that contains a no-break space | env: {A: ^"x:k\u00a0k"}
"region" is empty | defaults: {region: ^""}
"timeout" is empty | defaults: {timeout: ^""}
"poll-signal" is empty | defaults: {on-rotation: restart, poll-signal: ^""}
"region" ends with a space | defaults: {region: ^"us-east-1 "}
"timeout" begins with a space | defaults: {timeout: ^" 2 weeks"}
the alias "db": the reference has a name that ends with a space | secrets: {db: {id: ^"x "}}
this key ends with a space | env: {^"A ": "x:k"} | env: {A: {^"from ": "x:k"}} | secrets: {^"db ": x}
use from: SECRET:KEY | env: {A: {^…: "x:k"}} | valueFrom | secretRef | secret | key
use id: SECRET | secrets: {db: {^name: x}}
use except: [KEY] | env-from: [{from: x, ^exclude: [a]}]
has a version id that isn't 32 to 64 characters long | secrets: {db: {id: x, version-id: ^v-1}}
    | env: {A: "x:k:…"} | :1234567890123456789012345678901 | S:12345678901234567890123456789012345678901234567890123456789012345
has a version that isn't a positive number | secrets: {db: {id: "ssm:/x", version-id: ^"0"}}
    | env: {A: "ssm:/p:k::…"} | 0 | -1 | +1 | 1.5 | latest
isn't a valid variable name | env: {^…: "x:k"} | 1A | A-B | "" | Ä | "A B"
    | env-from: [{from: x, prefix: ^…}] | X- | 1X | "A B" | é
    | env-from: [{from: x, rename: {k: ^…}}] | "" | A-B
    | files: [{from: "x:k", env: ^1K}]
A is empty | env: {A: ^…} | null | ~
A must be a reference, SECRET:KEY, or { value: … } for plain text, not a list | env: {A: ^["x:k"]}
"from" for A is empty | env: {A: {from: ^null}}
use a reference: SECRET, or SECRET:KEY | env-from: [^null]
needs exactly one of "from", "value", "template" | env: {A: ^{…}} |  | optional: true | from: "x:k", value: v | value: v, template: t
    | files: [^{…}] | env: K | from: "x:k", value: v, env: K
A has an unknown key | env: {A: {from: "x:k", ^path: /run/a}}
did you mean "from"? | env: {A: {^form: "x:k"}}
"default" and "optional" can't be used together | env: {A: {from: "x:k", default: d, optional: ^…}} | true | false
    | files: [{from: "x:k", env: K, default: d, optional: ^true}]
must be a regular expression, not | env: {A: {from: "x:k", pattern: ^[x]}}
    | files: [{from: x, env: K, pattern: ^[x]}]
must be base64 | env: {A: {from: "x:k", …}} | encode: ^base32 | decode: ^hex
PATH can only be set with "value", because it decides which program runs | env: {PATH: …} | "x:k" | {template: "{{ x }}"} | {value: /bin, encode: base64} | {value: /bin, pattern: bin}
needs "from", the reference to a JSON object | env-from: [^{prefix: X_}]
did you mean "prefix"? | env-from: [{from: x, ^prefx: X_}]
must be a list of strings, not a string | env-from: [{from: x, …}] | only: ^k | except: ^password
"only" in "env-from" is empty | env-from: [{from: x, only: ^[]}]
must be upper or keep, not "lower" | env-from: [{from: x, case: ^lower}]
must be true or false | env-from: [{from: x, optional: ^1}]
has an unknown key | env-from: [{from: x, ^default: d}]
contains "*" | env-from: [^"…"] | x/* | ssm:/app* | ssm:/app/*/b
an entry in "files" needs "path" or "env" (or both) | files: [^{from: "x:k"}]
"path" in "files" is empty | files: [{from: "x:k", path: ^""}]
"path" in "files" ends with a space | files: [{from: "x:k", path: ^"/run/k "}]
"path" in "files" contains "{{", like a template | files: [{from: "x:k", path: ^"/run/{{ db.name }}"}]
did you mean "mode"? | files: [{from: "x:k", path: /run/k, ^mod: "0400"}]
must be octal, from "0000" to "0777" | files: [{from: "x:k", env: K, mode: ^…}] | rw | "0888" | "u+r" | "10000" | "1777" | "+400" | ""
must be USER, USER:GROUP or :GROUP | files: [{from: "x:k", env: K, owner: ^…}] | "a:b:c" | ":" | "a:" | "a b" | ""
"once" for K can't be used with "path", because a file at a path can be read again | files: [{from: "x:k", env: K, path: /run/k, once: ^true}]
must be true or false | files: [{from: "x:k", env: K, once: ^1}]
did you mean "once"? | files: [{from: "x:k", env: K, ^onec: true}]
"##;

/// Declarations that only the program can refuse, because the schema can't express the rule. The
/// form is that of [`REFUSED`].
const REFUSED_BY_THE_PROGRAM: &str = r##"
the file /run/x appears twice | files: [{value: x, path: /run/x}, {value: y, path: /run/x}]
the variable F appears twice | {env: {F: {value: x}}, files: [{value: y, env: F}]}
A is empty | env:\n  A^:\n  B: x:k
"value" for A is empty | env:\n  A: { value^: }
has a key with $ that isn't a valid JSONPath | env: {A: ^"x:$…"} | . | [ | .a[ | .a ]b | ['a | .with-hyphen | [?@.a = 1]
must be a duration with a unit, at least 10s | defaults: {on-rotation: restart, poll-interval: ^9999ms}
must be a URL that begins with http:// or https:// | defaults: {endpoint-url: ^"…"} | http://127.0.0.1:99999 | http://h:
"unset" is empty | defaults: {unset: ^['X', '']}
"unset" includes quotes | defaults: {unset: ^['X', '"AWS_*"']}
isn't a name pattern | defaults: {unset: ^['X', '…']} | [ | [AWS_*] | AWS_% | X** | [[:upper:]]* | ^A | A|B | {A,B} | [^A] | `AWS_*` | A&B | AWS_.* | .*TOKEN | !AWS_* | ~AWS_*
isn't a name pattern | defaults: {unset: ^['X', '…']} | A,B | A B | A;B
which is another tool's syntax | env: {A: ^"…"} | aws-sm://prod/db:k | secretsmanager:prod/db:k | aws:secretsmanager:prod/db:k
has a version id that isn't 32 to 64 characters long | env: {A: "x:k::1"}
has a version that isn't a positive number | env: {A: "ssm:/p:k::9223372036854775808"}
has a label that begins with a digit | env: {A: "ssm:/p:k:…"} | 1st | 3
    | secrets: {db: {id: "ssm:/p", stage: ^1}}
has two slashes in a row | env-from: [^"ssm:/app/…"] | / | //db/
    | env: {A: ^"…"} | ssm:/app//db | ssm://app/db | arn:aws:ssm:us-east-1:123456789012:parameter//app/db
isn't the whole ARN | env: {A: ^"arn:aws:secretsmanager:us-east-1:1234:secret:x-AbCdEf"}
has both a label and a version | env: {A: "ssm:/p::blue:3"}
column 1 of the template has {{ without }} | env: {A: {template: ^"{{ t"}}
line 2, column 2 of the template has {{ }}, which isn't a reference | env: {A: {template: ^"é\x0a {{ }}"}}
column 1 of the template has {% if t %}, but a template has no logic | env: {A: {template: ^"{% if t %}"}}
the template has no {{ | env: {A: {template: ^"…"}} | text | postgres://{db.host}/x
isn't a valid regular expression: found open group without closing ')' | env: {A: {from: "x:k", pattern: ^"("}}
    | files: [{from: "x:k", env: K, pattern: ^"("}]
isn't a valid regular expression: look-around is not supported | env: {A: {from: "x:k", pattern: ^"…"}} | (?!x) | (?<=x)
isn't a valid regular expression: compiled regex exceeded size limit | env: {A: {from: "x:k", pattern: ^"a{999}{999}{999}"}}
doesn't match the pattern "a" | env: {A: {from: "x:k", pattern: a, default: ^b}}
must be the path of a file | files: [{from: "x:k", path: ^…}] | /run/app/ | /run/app/.. | .
contains "~", which only a shell expands | files: [{from: "x:k", path: ^~/k}]
contains "$HOME", which only a shell expands | files: [{from: "x:k", path: ^$HOME/k}]
"##;

/// A declaration that is refused.
pub struct Refused {
    pub declaration: String,
    /// The place in the error.
    place: String,
    reason: &'static str,
}

/// The rows of a table, one for each declaration.
fn rows(table: &'static str) -> Vec<Refused> {
    let (mut rows, mut reason) = (Vec::new(), "");
    for line in table.trim().lines() {
        let (start, declarations) = line.split_once("| ").unwrap();
        if !start.trim().is_empty() {
            reason = start.trim();
        }
        let mut template = "…";
        for text in declarations.split(" | ") {
            if text.contains('…') {
                template = text;
                continue;
            }
            let declaration = template.replace('…', text);
            let declaration = declaration.replace("\\n", "\n").replace("\\t", "\t");
            let place = match declaration.split_once('^') {
                Some((before, _)) => {
                    let line = before.matches('\n').count() + 1;
                    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                    format!("error: row.yaml:{line}:{column}: ")
                }
                None => "(row.yaml:1".to_owned(),
            };
            rows.push(Refused {
                declaration: declaration.replacen('^', "", 1),
                place,
                reason,
            });
        }
    }
    rows
}

/// The declarations that the schema refuses, too.
pub fn refused_by_both() -> Vec<Refused> {
    rows(REFUSED)
}

/// Launches with this declaration, and asserts that it is refused with 78 before any request.
fn assert_refused(aws: &Aws, name: &str, declaration: impl AsRef<[u8]>) -> Outcome {
    let sandbox = Sandbox::new().aws(aws).file(name, declaration);
    sandbox.args(["-f", name]).refused(aws, 78, &[])
}

#[test]
fn each_mistake_in_a_declaration_is_refused_with_its_line_its_column_and_the_reason() {
    let aws = served();
    let mut wrong = String::new();
    for row in [REFUSED, REFUSED_BY_THE_PROGRAM].into_iter().flat_map(rows) {
        let (declaration, place, reason) = (&row.declaration, &row.place, row.reason);
        let stderr = assert_refused(&aws, "row.yaml", declaration).stderr();
        if !stderr.contains(place) || !stderr.contains(reason) {
            wrong += &format!("{declaration}\n{place}{reason}\n{stderr}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_yaml_alias_bomb_and_deep_nesting_in_a_declaration_are_refused() {
    let aws = served();
    let mut declaration = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        declaration += &format!("a{level}: &a{level} [{inner}]\n");
    }
    assert_refused(&aws, "app.yaml", declaration).says(["app.yaml"]);
    // Each anchor keeps a copy of what it names.
    let anchors: String = (0..60).map(|level| format!("&a{level} [")).collect();
    let declaration = format!("env: {anchors}{}{}", "x, ".repeat(10_000), "]".repeat(60));
    assert_refused(&aws, "app.yaml", declaration).says(["app.yaml:1:", "more than 100,000 values"]);
    let (key, aliases) = ("k".repeat(1000), "*a, ".repeat(10_000));
    let declaration = format!("env: [&a {{ {key}: x }}, {aliases}]");
    assert_refused(&aws, "app.yaml", declaration).says(["app.yaml:1:", "more than 100,000 values"]);
    let nested = format!("env: {}{}", "[".repeat(65), "]".repeat(65));
    assert_refused(&aws, "app.yaml", nested).says(["app.yaml:1:", "more than 64 levels"]);
}
