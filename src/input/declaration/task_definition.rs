//! Reads an ECS task definition as a declaration: the `secrets` and `environment` of one container become entries.
//!
//! All other keys are ignored, known to ECS or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::DeclarationProblem;
use super::reader::DeclarationReader;
use crate::model::entry::{Entry, EntrySource, OnMissing, Origin, Target, Transform};
use crate::model::env_name::EnvName;
use crate::model::plan::Layer;
use crate::model::reference::Reference;
use crate::model::suggest;
use crate::model::tree::{Kind, Node, Position};

const CONTAINERS: &str = "containerDefinitions";

/// Reads a task definition; `None` if the document is none.
///
/// A task definition has `containerDefinitions`, at the top level as `aws ecs register-task-definition` takes it, or
/// below `taskDefinition` as `aws ecs describe-task-definition` prints it. `container` is the argument of
/// `--container`.
pub fn layer(reader: &mut DeclarationReader<'_>, node: &Node, container: Option<&str>) -> Option<Layer> {
    let containers = node.get(CONTAINERS).or_else(|| node.get("taskDefinition")?.get(CONTAINERS))?;
    let chosen = choose(reader, containers, container);
    let entries = chosen.map(|container| entries(reader, container)).unwrap_or_default();
    Some(Layer { entries, ..Layer::default() })
}

/// Returns the container named `wanted`, or without a name the only one.
fn choose<'n>(reader: &mut DeclarationReader<'_>, node: &'n Node, wanted: Option<&str>) -> Option<&'n Node> {
    let containers = list(reader, CONTAINERS, node)?;
    let name = |container: &'n Node| container.get("name").and_then(Node::text);
    let names = || containers.iter().filter_map(name).map(str::to_owned).collect();
    let problem = match (wanted, containers) {
        (_, []) => DeclarationProblem::NoContainer,
        // AWS's own examples leave out the name of a single container.
        (None, [only]) => return Some(only),
        (None, _) => DeclarationProblem::SeveralContainers(names()),
        (Some(wanted), _) => {
            let mut matching = containers.iter().filter(|container| name(container) == Some(wanted));
            match (matching.next(), matching.next()) {
                (Some(one), None) => return Some(one),
                (Some(first), Some(_)) => {
                    DeclarationProblem::DuplicateName { name: wanted.to_owned(), line: first.position.line }
                }
                (None, _) => DeclarationProblem::NoSuchContainer {
                    name: wanted.to_owned(),
                    nearest: suggest::nearest(wanted, containers.iter().filter_map(name)).map(str::to_owned),
                    known: names(),
                },
            }
        }
    };
    reader.error(node.position, None, problem);
    None
}

fn entries(reader: &mut DeclarationReader<'_>, container: &Node) -> Vec<Entry> {
    // Only checks that the container is a table: `fields` would reject the keys of ECS that are not read here.
    reader.table(Some(CONTAINERS), container);
    if let Some(files) = container.get("environmentFiles")
        && list(reader, "environmentFiles", files).is_some_and(|files| !files.is_empty())
    {
        reader.error(files.position, None, DeclarationProblem::EnvironmentFiles);
    }
    let mut variables = section(reader, container, "secrets", secret);
    variables.extend(section(reader, container, "environment", literal));
    // In the order of the file, so that the second of two equal names is the error.
    variables.sort_by_key(|variable| variable.position);
    let mut first_lines = BTreeMap::new();
    let mut entries = Vec::new();
    for ContainerVariable { name, position, source } in variables {
        if let Some(line) = first_lines.get(&name) {
            reader.error(position, None, DeclarationProblem::DuplicateName { name: name.to_string(), line: *line });
            continue;
        }
        first_lines.insert(name.clone(), position.line);
        let origin = Origin::TaskDefinition { path: Arc::clone(reader.path), line: position.line };
        let (transform, on_missing) = (Transform::default(), OnMissing::Fail);
        entries.extend(source.map(|source| Entry { target: Target::Env(name), source, transform, on_missing, origin }));
    }
    entries
}

/// An item of `secrets` or `environment`. `source` is `None` if it has an error.
struct ContainerVariable {
    name: EnvName,
    position: Position,
    source: Option<EntrySource>,
}

/// Reads the source of an item for the variable of this name.
type ReadSource = fn(&mut DeclarationReader<'_>, &str, &Node) -> Option<EntrySource>;

/// Reads a container's list `key`, which is `secrets` or `environment`.
fn section(
    reader: &mut DeclarationReader<'_>,
    container: &Node,
    key: &'static str,
    read_source: ReadSource,
) -> Vec<ContainerVariable> {
    let items = container.get(key).and_then(|items| list(reader, key, items));
    let mut variables = Vec::new();
    for item in items.unwrap_or_default() {
        let Some((position, text)) = field(reader, key, item, "name") else { continue };
        let source = read_source(reader, &text, item);
        match EnvName::parse(&text) {
            Ok(name) => variables.push(ContainerVariable { name, position, source }),
            Err(_) => reader.error(position, Some(key), DeclarationProblem::IllegalName(text)),
        }
    }
    variables
}

/// Reads the source of an item of `secrets`: `{ "name": …, "valueFrom": … }`.
fn secret(reader: &mut DeclarationReader<'_>, name: &str, item: &Node) -> Option<EntrySource> {
    let (position, text) = field(reader, name, item, "valueFrom")?;
    if name == "PATH" {
        reader.error(position, Some(name), DeclarationProblem::PathOnlyValue);
    }
    match Reference::from_ecs(&text) {
        Ok(reference) => Some(EntrySource::Reference(reference)),
        Err(error) => {
            reader.error(position, Some(name), DeclarationProblem::ValueFrom { text, error });
            None
        }
    }
}

/// Reads the source of an item of `environment`: `{ "name": …, "value": … }`.
fn literal(reader: &mut DeclarationReader<'_>, name: &str, item: &Node) -> Option<EntrySource> {
    field(reader, name, item, "value").map(|(_, text)| EntrySource::Literal(text))
}

/// Returns the text of a key that ECS requires, with its position.
fn field(
    reader: &mut DeclarationReader<'_>,
    subject: &str,
    item: &Node,
    key: &'static str,
) -> Option<(Position, String)> {
    let Kind::Table(_) = item.kind else {
        reader.expected(item, Some(subject), "a table");
        return None;
    };
    let Some(node) = item.get(key) else {
        reader.error(item.position, Some(subject), DeclarationProblem::MissingKey(key));
        return None;
    };
    reader.text(Some(subject), node, "text").map(|text| (node.position, text))
}

/// Returns the items of a list. A null is an empty list, since tools write it for an absent key.
fn list<'n>(reader: &mut DeclarationReader<'_>, subject: &str, node: &'n Node) -> Option<&'n [Node]> {
    match &node.kind {
        Kind::List(items) => Some(items),
        _ if node.is_null() => Some(&[]),
        Kind::Typed(_) | Kind::Text(_) | Kind::Plain(_) | Kind::Table(_) => {
            reader.expected(node, Some(subject), "a list");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::declaration::error::DeclarationError;
    use crate::input::syntax::Format;
    use crate::model::reference::ReferenceError;

    /// The Fargate example of the ECS Developer Guide, with a secret in each form of `valueFrom`.
    const FARGATE: &str = r#"{
  "family": "appauth",
  "networkMode": "awsvpc",
  "requiresCompatibilities": ["FARGATE"],
  "cpu": "256",
  "memory": "512",
  "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
  "taskRoleArn": "arn:aws:iam::123456789012:role/appauth",
  "containerDefinitions": [{
    "name": "web",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/appauth:1.4.2",
    "essential": true,
    "portMappings": [{ "containerPort": 8080, "protocol": "tcp", "appProtocol": "http" }],
    "environment": [
      { "name": "LOG_LEVEL", "value": "info" },
      { "name": "EMPTY", "value": "" },
      { "name": "PATH", "value": "/usr/bin:/bin" }
    ],
    "environmentFiles": [],
    "secrets": [
      { "name": "AUTH", "valueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:appauthexample-AbCdEf" },
      { "name": "USERNAME", "valueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:appauthexample-AbCdEf:username1::" },
      { "name": "GITHUB_TOKEN", "valueFrom": "/copilot/appauth/test/secrets/GITHUB_TOKEN" }
    ],
    "logConfiguration": {
      "logDriver": "awslogs",
      "options": { "awslogs-group": "/ecs/appauth", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs" },
      "secretOptions": []
    },
    "healthCheck": { "command": ["CMD-SHELL", "curl -f http://localhost:8080/ || exit 1"], "interval": 30, "retries": 3 },
    "somethingThatCameLater": { "name": null }
  }]
}"#;

    type Read = (Vec<String>, Vec<(usize, DeclarationProblem)>);

    /// Returns the entries as `NAME=reference` or `NAME: value`, and each error with its line.
    fn read(format: Format, text: &str, container: Option<&str>) -> Option<Read> {
        let (path, mut errors) = (Arc::new("task.json".into()), Vec::new());
        let layer = layer(
            &mut DeclarationReader { path: &path, errors: &mut errors },
            &format.parse(text).unwrap(),
            container,
        )?;
        let line = |entry: &Entry| match &entry.source {
            EntrySource::Reference(reference) => format!("{}={reference} ({})", entry.target, entry.origin),
            EntrySource::Literal(text) => format!("{}: {text} ({})", entry.target, entry.origin),
            EntrySource::Composed(_) | EntrySource::Template(_) => unreachable!("a task definition has none"),
        };
        let problem = |error: DeclarationError| (error.position.unwrap().line, error.problem);
        Some((layer.entries.iter().map(line).collect(), errors.into_iter().map(problem).collect()))
    }

    fn json(text: &str, container: Option<&str>) -> Read {
        read(Format::Json, text, container).unwrap()
    }

    /// Returns the errors of a single container with these keys, which begin on line 2.
    fn problems(keys: &str) -> Vec<(usize, DeclarationProblem)> {
        json(&format!("{{\"containerDefinitions\": [{{\n{keys}\n}}]}}"), None).1
    }

    const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:appauthexample-AbCdEf";

    #[test]
    fn a_task_definition_gives_its_secrets_and_its_environment() {
        let (entries, errors) = json(FARGATE, None);
        assert_eq!(errors, []);
        assert_eq!(
            entries,
            [
                "LOG_LEVEL: info (task.json:15)",
                "EMPTY:  (task.json:16)",
                "PATH: /usr/bin:/bin (task.json:17)",
                &format!("AUTH={ARN} (task.json:21)"),
                &format!("USERNAME={ARN}:username1 (task.json:22)"),
                "GITHUB_TOKEN=ssm:/copilot/appauth/test/secrets/GITHUB_TOKEN (task.json:23)",
            ]
        );
    }

    #[test]
    fn the_output_of_aws_ecs_describe_task_definition_is_read() {
        let described = format!("{{\"taskDefinition\": {FARGATE}, \"tags\": []}}");
        assert_eq!(json(&described, None), json(FARGATE, None));
        assert_eq!(json(&described, Some("web")), json(FARGATE, Some("web")));
    }

    #[test]
    fn a_task_definition_may_be_yaml_or_toml() {
        let yaml = "containerDefinitions:\n- environment:\n  - { name: PORT, value: 8080 }\n  secrets: # none yet\n";
        assert_eq!(read(Format::Yaml, yaml, None), Some((vec!["PORT: 8080 (task.json:3)".into()], vec![])));
        let toml = "[[containerDefinitions]]\nsecrets = [{ name = 'A', valueFrom = '/prod/a' }]\n";
        assert_eq!(read(Format::Toml, toml, None), Some((vec!["A=ssm:/prod/a (task.json:2)".into()], vec![])));
    }

    #[test]
    fn a_declaration_is_no_task_definition() {
        for text in ["env: { A: x }", "{}", "[containerDefinitions]", "taskDefinition: app:1", "taskDefinition: {}"] {
            assert_eq!(read(Format::Yaml, text, None), None, "{text}");
        }
    }

    #[test]
    fn of_several_containers_one_must_be_chosen() {
        let text = r#"{"containerDefinitions": [
            { "name": "web", "environment": [{ "name": "A", "value": "web's" }], "environmentFiles": null },
            { "name": "log_router", "environment": [{ "name": "A", "value": "router's" }],
              "environmentFiles": [{ "type": "s3", "value": "arn:aws:s3:::bucket/app.env" }] },
            { "name": "log_router" }
        ]}"#;
        assert_eq!(json(text, Some("web")), (vec!["A: web's (task.json:2)".into()], vec![]));
        let known = || vec!["web".to_owned(), "log_router".to_owned(), "log_router".to_owned()];
        assert_eq!(json(text, None).1, [(1, DeclarationProblem::SeveralContainers(known()))]);
        let missing = |name: &str, nearest: Option<&str>| {
            let (name, nearest) = (name.to_owned(), nearest.map(str::to_owned));
            [(1, DeclarationProblem::NoSuchContainer { name, nearest, known: known() })]
        };
        assert_eq!(json(text, Some("wbe")).1, missing("wbe", Some("web")));
        assert_eq!(json(text, Some("database")).1, missing("database", None));
        assert_eq!(
            json(text, Some("log_router")).1,
            [(1, DeclarationProblem::DuplicateName { name: "log_router".into(), line: 3 })]
        );
    }

    #[test]
    fn a_chosen_name_must_be_the_single_containers() {
        let text = r#"{"containerDefinitions": [{ "environment": [{ "name": "A", "value": "a" }] }]}"#;
        assert_eq!(json(text, None).0, ["A: a (task.json:1)"]);
        let problem = DeclarationProblem::NoSuchContainer { name: "web".into(), nearest: None, known: vec![] };
        assert_eq!(json(text, Some("web")).1, [(1, problem)]);
        assert!(json(FARGATE, Some("web")).1.is_empty());
    }

    #[test]
    fn a_task_definition_without_containers_is_an_error() {
        for containers in ["[]", "null"] {
            let text = format!("{{\"containerDefinitions\": {containers}}}");
            assert_eq!(json(&text, None).1, [(1, DeclarationProblem::NoContainer)]);
        }
        for containers in ["{}", "\"web\"", "[\"web\"]", "[null]"] {
            let errors = json(&format!("{{\"containerDefinitions\": {containers}}}"), None).1;
            assert!(matches!(errors.as_slice(), [(1, DeclarationProblem::Expected { .. })]), "{containers} {errors:?}");
        }
    }

    #[test]
    fn environment_files_are_an_error() {
        let files = r#""environmentFiles": [{ "type": "s3", "value": "arn:aws:s3:::bucket/app.env" }]"#;
        assert_eq!(problems(files), [(2, DeclarationProblem::EnvironmentFiles)]);
        assert_eq!(problems(r#""environmentFiles": [], "secrets": null"#), []);
    }

    #[test]
    fn a_name_occurs_once_in_both_lists_together() {
        let errors = problems(
            r#""secrets": [
                { "name": "A", "valueFrom": "/a" },
                { "name": "B", "valueFrom": "not a name" },
                { "name": "A", "valueFrom": "/a" }
            ],
            "environment": [
                { "name": "C", "value": "c" },
                { "name": "B", "value": "b" },
                { "name": "C", "value": "c" }
            ]"#,
        );
        let twice = |name: &str, line| DeclarationProblem::DuplicateName { name: name.into(), line };
        assert_eq!(errors.len(), 4, "{errors:?}");
        assert_eq!(errors[1..], [(5, twice("A", 3)), (9, twice("B", 4)), (10, twice("C", 8))]);
    }

    #[test]
    fn path_cannot_be_a_secret() {
        let errors = problems(r#""secrets": [{ "name": "PATH", "valueFrom": "/path" }]"#);
        assert_eq!(errors, [(2, DeclarationProblem::PathOnlyValue)]);
    }

    #[test]
    fn a_value_from_that_ecs_would_reject_is_an_error() {
        let errors = problems(
            r#""secrets": [
                { "name": "A", "valueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf:key" },
                { "name": "B", "valueFrom": "prod/db:password" },
                { "name": "C", "valueFrom": "${STAGE}/db" },
                { "name": "D", "valueFrom": "" },
                { "name": "E", "valueFrom": 5 },
                { "name": "F", "valuefrom": "/f" },
                { "valueFrom": "/g" },
                { "name": "my.name", "valueFrom": "/h" },
                "I=/i"
            ]"#,
        );
        let mut lines: Vec<_> = errors.iter().map(|(line, _)| *line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 10, 11], "{errors:#?}");
        assert!(matches!(
            &errors[0].1,
            DeclarationProblem::ValueFrom { error: ReferenceError::EcsFields { count: 8, .. }, .. }
        ));
        for problem in [
            DeclarationProblem::ValueFrom { text: String::new(), error: ReferenceError::Empty },
            DeclarationProblem::MissingKey("valueFrom"),
            DeclarationProblem::MissingKey("name"),
            DeclarationProblem::IllegalName("my.name".into()),
        ] {
            assert!(errors.iter().any(|(_, other)| *other == problem), "{problem:?} {errors:#?}");
        }
    }

    #[test]
    fn a_value_of_environment_is_literal_text() {
        let (entries, errors) = json(
            r#"{"containerDefinitions": [{ "environment": [{ "name": "A", "value": "${HOME} {{ x }} $$ a:b" }] }]}"#,
            None,
        );
        assert_eq!((entries, errors), (vec!["A: ${HOME} {{ x }} $$ a:b (task.json:1)".into()], vec![]));
        for value in ["8080", "null", "true", "[]"] {
            let errors = problems(&format!(r#""environment": [{{ "name": "A", "value": {value} }}]"#));
            assert!(matches!(errors.as_slice(), [(2, DeclarationProblem::Expected { .. })]), "{value} {errors:?}");
        }
        assert_eq!(
            problems(r#""environment": [{ "name": "A", "valueFrom": "/a" }]"#),
            [(2, DeclarationProblem::MissingKey("value"))]
        );
    }
}
