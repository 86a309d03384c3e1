#!/usr/bin/env bash
# `certificates.sh DIRECTORY` makes two authorities in this directory, and every kind of server
# certificate that a test needs.
set -eu
cd "$1"
KEY=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
NAMES=DNS:localhost,DNS:secretsmanager.us-east-1.amazonaws.com
NAMES+=,DNS:sts.us-east-1.amazonaws.com,IP:127.0.0.1

authority() { # NAME
    openssl req -x509 "${KEY[@]}" -keyout "$1.key" -out "$1.pem" -days 30 -subj "/CN=$1 of a test" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

sign() { # NAME AUTHORITY SERIAL START END EXTENSIONS...
    name=$1 by=$2 serial=$3 start=$4 end=$5
    shift 5
    openssl req "${KEY[@]}" -keyout "$name.key" -out "$name.csr" -subj "/CN=$name"
    printf '%s\n' "$@" >"$name.ext"
    mkdir "$name.new" && : >"$name.index" && echo "$serial" >"$name.serial"
    printf '%s\n' '[ca]' 'default_ca=d' '[d]' "database=$name.index" "serial=$name.serial" \
        "new_certs_dir=$name.new" default_md=sha256 policy=p '[p]' commonName=supplied >"$name.cnf"
    # Every version of `openssl ca` accepts start and end dates, while `openssl x509` doesn't.
    openssl ca -batch -notext -config "$name.cnf" -cert "$by.pem" -keyfile "$by.key" \
        -in "$name.csr" -extfile "$name.ext" -startdate "$start" -enddate "$end" -out "$name.pem"
}

leaf() { # NAME AUTHORITY SERIAL START END ALTERNATIVE-NAMES
    sign "$1" "$2" "$3" "$4" "$5" "subjectAltName=$6" extendedKeyUsage=serverAuth \
        basicConstraints=CA:FALSE
}

long_ago=20200101000000Z ago=20210101000000Z ahead=20480101000000Z far_ahead=20490101000000Z
authority root
authority other
leaf good root 01 "$ago" "$ahead" "$NAMES"
leaf elsewhere root 02 "$ago" "$ahead" DNS:elsewhere.example
leaf expired root 03 "$long_ago" "$ago" "$NAMES"
leaf early root 04 "$ahead" "$far_ahead" "$NAMES"
leaf foreign other 05 "$ago" "$ahead" "$NAMES"
sign between root 06 "$ago" "$ahead" basicConstraints=critical,CA:TRUE,pathlen:0 \
    keyUsage=critical,keyCertSign
leaf below between 07 "$ago" "$ahead" "$NAMES"
cat below.pem between.pem >chain.pem
cp below.key chain.key
openssl req -x509 "${KEY[@]}" -keyout alone.key -out alone.pem -days 30 -subj /CN=localhost \
    -addext "subjectAltName=$NAMES" -addext basicConstraints=critical,CA:FALSE
# A folder as an administrator keeps it: one file for each authority, and some other file.
mkdir roots && cp root.pem roots/0a1b2c3d.0 && echo 'no certificate' >roots/README
mkdir empty
