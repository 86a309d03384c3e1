//! Valid declarations, in YAML and in JSON. `accepted.rows` has aliases and texts.

use crate::support::*;

::rows::rows!("tests/it/declaration/accepted.rows");

#[test]
fn a_declaration_sets_the_same_variables_in_each_style_of_yaml_and_json() {
    let yaml = "secrets:\n  db: prod/db\nenv:\n  A: db:host\n  B: { from: \"db:x\", default: \"5\" }\n  C: { value: info }\n";
    let json = r#"{"secrets":{"db":"prod\/db"},"env":{"A":"db:host","B":{"from":"db:x","default":5},"C":{"value":"info"}}}"#;
    let flow = r#"secrets: {db: prod/db}
env: {A: "db:host", B: {from: "db:x", default: "\u0035"}, C: {value: info}}"#;
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"host":"db.internal"}"#));
    let tabs = json.replace(',', ",\n\t").replace('{', "{\n\t\t");
    for (name, declaration) in [
        ("app.yaml", yaml),
        ("app.conf", flow),
        ("app.json", json),
        ("tabs.json", &tabs),
        ("windows.yaml", &yaml.replace('\n', "\r\n")),
        ("mark.yaml", &format!("\u{feff}{yaml}")),
    ] {
        let sandbox = || Sandbox::new().aws(&aws).case(name);
        let from_file = sandbox().file(name, declaration).args(["-f", name]);
        let from_stdin = sandbox().stdin(declaration).args(["-f", "-"]);
        for sandbox in [from_file, from_stdin] {
            let run = sandbox.run();
            run.launched_silently().has("A", "db.internal");
            run.has("B", "5").has("C", "info");
        }
    }
}
