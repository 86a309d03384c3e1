# A role with the policy that `secrets-exec policy` has printed, and an ECS task on Fargate with this
# role. The image has the declaration at /etc/secrets-exec.yaml, and `aws_iam_role.execution` is your
# existing execution role. On another platform, change `identifiers`, for example to
# ["lambda.amazonaws.com"].

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "app" {
  name               = "app"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "secrets" {
  name   = "secrets"
  role   = aws_iam_role.app.id
  policy = file("${path.module}/policy.json")
}

resource "aws_ecs_task_definition" "app" {
  family                   = "app"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.app.arn
  container_definitions = jsonencode([{
    name                   = "app"
    image                  = "registry.example.com/app:1.4.2"
    entryPoint             = ["secrets-exec", "-f", "/etc/secrets-exec.yaml", "--"]
    command                = ["node", "app.js"]
    readonlyRootFilesystem = true
    environment            = [{ name = "AWS_REGION", value = "us-east-1" }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = "/ecs/app"
        "awslogs-region"        = "us-east-1"
        "awslogs-stream-prefix" = "app"
      }
    }
  }])
}

# The secret without a version, so that its value isn't in the state. Store the first value with
# `aws secretsmanager put-secret-value --secret-id prod/db --secret-string file:///dev/stdin`.
resource "aws_secretsmanager_secret" "db" {
  name = "prod/db"
}
