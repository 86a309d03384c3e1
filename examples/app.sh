#!/bin/sh
# A stand-in for your program: it says which variables it was given, and of secret ones only how long they are.
set -u

echo "app: I am process $$, and was given:"
for name in DB_HOST DB_PORT DB_REPLICA LOG_LEVEL; do
    eval "echo \"  $name=\${$name-(not set)}\""
done
for name in DB_PASSWORD DB_PASSWORD_OLD API_TOKEN TLS_KEYSTORE SENTRY_DSN; do
    eval "value=\${$name-}"
    if [ -n "$value" ]; then echo "  $name=(${#value} characters)"; else echo "  $name=(not set)"; fi
done
