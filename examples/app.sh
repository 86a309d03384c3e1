#!/bin/sh
# A placeholder for your program. It prints its variables, but only the length of secret ones.
set -u

echo "app: process $$ has these variables:"
for name in DB_HOST DB_PORT DB_REPLICA LOG_LEVEL; do
    eval "echo \"  $name=\${$name-(not set)}\""
done
for name in DB_PASSWORD DB_PASSWORD_OLD DATABASE_URL API_TOKEN STRIPE_API_KEY \
    TLS_KEYSTORE SENTRY_DSN; do
    eval "value=\${$name-}"
    if [ -n "$value" ]; then
        echo "  $name=(${#value} characters)"
    else
        echo "  $name=(not set)"
    fi
done
for name in KEYSTORE_FILE DB_CONFIG_FILE; do
    eval "file=\${$name-}"
    if [ -n "$file" ]; then echo "  $name=$file ($(wc -c <"$file") bytes)"; fi
done
