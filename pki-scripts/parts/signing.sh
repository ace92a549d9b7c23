# Keys, requests and signatures: the calls of openssl.

# Its errors are many lines for programmers; the last one that tells something
# is shown.
run_openssl() {
    what=$1
    shift
    if ! openssl "$@" 2>"$work/errors"; then
        why=$(grep -v -e '^Using configuration' -e '^$' "$work/errors" | sed -n '1{s/^[0-9A-F]*:error:[0-9A-F]*://;p;}')
        fail "openssl cannot $what: $(shown "${why:-it does not say why}")"
    fi
}

new_key() {
    case $key in
    ec) set -- EC -pkeyopt ec_paramgen_curve:P-256 ;;
    ec384) set -- EC -pkeyopt ec_paramgen_curve:P-384 ;;
    rsa) set -- RSA -pkeyopt rsa_keygen_bits:3072 ;;
    rsa4096) set -- RSA -pkeyopt rsa_keygen_bits:4096 ;;
    esac
    if [ "$encrypted" = yes ]; then
        set -- "$@" -aes-256-cbc -pass env:MIG_PKI_PASSPHRASE
    fi
    run_openssl "make a key" genpkey -quiet -out "$target" -algorithm "$@"
}

new_request() {
    # $1 key, $2 subject, $3 file
    if [ "$encrypted" = yes ]; then
        set -- "$1" "$2" "$3" -passin env:MIG_PKI_PASSPHRASE
    fi
    key_file=$1 subject=$2 to=$3
    shift 3
    run_openssl "make a request" req -new -batch -utf8 -config "$work/openssl.cnf" -key "$key_file" -subj "$subject" -out "$to" "$@"
}

# Writes the configuration for one signature. $1 is the authority's directory,
# $2 the role, $3 the alternative names, $4 the kind of key.
write_configuration() {
    case $2 in
    relay | database) purposes=serverAuth ;;
    # It serves clients, and is itself a client of the database.
    api) purposes=serverAuth,clientAuth ;;
    *) purposes=clientAuth ;;
    esac
    case $4 in
    rsa*) usages=digitalSignature,keyEncipherment ;;
    *) usages=digitalSignature ;;
    esac
    cat >"$work/openssl.cnf" <<CONF
[ca]
default_ca = mig
[mig]
database = $1/index
new_certs_dir = $1/certs
certificate = $1/ca.crt
private_key = $1/ca.key
rand_serial = yes
default_md = sha256
default_crl_days = 30
unique_subject = no
# What a request asks for beside its key is not granted.
copy_extensions = none
policy = anything
string_mask = utf8only
crl_extensions = list
[anything]
countryName = optional
stateOrProvinceName = optional
localityName = optional
organizationName = optional
organizationalUnitName = optional
commonName = supplied
[req]
distinguished_name = none
string_mask = utf8only
[none]
[authority]
basicConstraints = critical,CA:true,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,$usages
extendedKeyUsage = $purposes
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
${3:+subjectAltName = $3}
[list]
authorityKeyIdentifier = keyid:always
CONF
}

# One hour ago: the clocks of a fleet are never quite the same.
an_hour_ago() {
    seconds=$(($(date +%s) - 3600))
    date -u -d "@$seconds" +%Y%m%d%H%M%SZ 2>/dev/null || date -u -r "$seconds" +%Y%m%d%H%M%SZ
}

sign() {
    # $1 request, $2 subject, $3 extensions, $4 days, $5 output; rest for openssl
    signed=$5
    set -- -config "$work/openssl.cnf" -batch -notext -utf8 -in "$1" -subj "$2" -extensions "$3" -days "$4" -out "$5" -startdate "$(an_hour_ago)"
    if [ "${selfsign:-}" = yes ]; then
        set -- "$@" -selfsign
    fi
    if [ "$encrypted_ca" = yes ] && [ -n "${MIG_PKI_PASSPHRASE:-}" ]; then
        set -- "$@" -passin env:MIG_PKI_PASSPHRASE
    fi
    if [ "$encrypted_ca" = yes ] && [ -z "${MIG_PKI_PASSPHRASE:-}" ]; then
        [ -t 0 ] || fail "the authority's key is encrypted: set MIG_PKI_PASSPHRASE"
    fi
    run_openssl "sign" ca "$@" >/dev/null
    chmod 644 "$signed"
}

serial_of() {
    openssl x509 -in "$1" -noout -serial | sed 's/^serial=//'
}

# The authority is looked at before anything is made.
need_authority() {
    [ -f ca/ca.key ] && [ -f ca/ca.crt ] || fail "there is no authority in $PWD/ca; make one with \`mig-pki create\` or \`mig-pki authority\`"
    encrypted_ca=no
    if grep -q ENCRYPTED ca/ca.key; then encrypted_ca=yes; fi
    mkdir ca/lock 2>/dev/null || fail "$PWD/ca/lock: another mig-pki is at work; if there is none, remove that directory"
    locked=ca/lock
    # Authorities that the original's script made have neither.
    mkdir -p ca/issued ca/requests ca/certs
    [ -f ca/index ] || : >ca/index
}
