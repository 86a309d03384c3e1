//! Invalid declarations: the error names file and line; nothing is requested and nothing started.

use crate::support::aws::served;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

fn declaring(name: &str, declaration: impl AsRef<[u8]>) -> Outcome {
    let aws = served();
    let run = Sandbox::new().aws(&aws).case(name).file(name, declaration).args(["-f", name]).run();
    assert!(aws.calls().is_empty(), "{run}");
    run
}

#[test]
fn a_name_that_no_template_could_use_is_no_alias() {
    let names = "loop range true none not for self namespace ssm arn env my-db a-b 1st";
    for alias in names.split(' ').chain(["\"a b\""]) {
        let run = declaring("app.yaml", format!("secrets:\n  {alias}: x\nenv: {{ A: \"x:k\" }}\n"));
        run.refused(78).says(["app.yaml:2:", alias.trim_matches('"')]);
    }
}

#[test]
fn an_alias_bomb_is_an_error() {
    let mut declaration = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        declaration += &format!("a{level}: &a{level} [{inner}]\n");
    }
    declaring("app.yaml", declaration).refused(78).says(["app.yaml"]);
    // Each anchor keeps a copy of what it names.
    let anchors: String = (0..60).map(|level| format!("&a{level} [")).collect();
    let declaration = format!("env: {anchors}{}{}", "x, ".repeat(10_000), "]".repeat(60));
    declaring("app.yaml", declaration).refused(78).says(["app.yaml:1:", "more than 100,000 values"]);
}
