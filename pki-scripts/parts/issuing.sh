# The authority, and certificates that did not exist before.

refuse_existing_authority() {
    [ ! -e ca ] || fail "$PWD/ca exists already; it is never overwritten. Renew it with \`mig-pki renew ca\`, or take another directory with -d"
    [ ! -e ca.crt ] || fail "$PWD/ca.crt exists already; it is never overwritten"
}

make_authority() {
    refuse_existing_authority
    check_common_name "$domain"
    mkdir "$work/ca" "$work/ca/certs" "$work/ca/issued" "$work/ca/requests"
    : >"$work/ca/index"
    encrypted=no
    if [ -n "${MIG_PKI_PASSPHRASE:-}" ]; then encrypted=yes; fi
    encrypted_ca=$encrypted
    write_configuration "$work/ca" authority "" "$key"
    target=$work/ca/ca.key
    new_key
    new_request "$work/ca/ca.key" "/O=MIG/OU=CA/CN=$domain" "$work/ca/requests/ca.csr"
    encrypted=no
    selfsign=yes
    sign "$work/ca/requests/ca.csr" "/O=MIG/OU=CA/CN=$domain" authority "$ca_days" "$work/ca/ca.crt"
    selfsign=no
    cp "$work/ca/ca.crt" "$work/ca.crt"
    chmod 644 "$work/ca.crt"
    mv "$work/ca" ca
    mv "$work/ca.crt" ca.crt
    say "authority: ca/ca.key stays here; hand out ca.crt"
}

# The file of a name, without its ending; $1 role, $2 name.
file_of() {
    case $1 in
    agent) if [ "$2" = agent ]; then printf 'agent'; else printf 'agents/%s' "$2"; fi ;;
    *) printf '%s' "$2" ;;
    esac
}

check_lifetime() {
    if ! openssl x509 -in ca/ca.crt -noout -checkend $(($1 * 86400)) >/dev/null 2>&1; then
        fail "the certificate would outlive the authority, which ends on $(end_of ca/ca.crt); give --days, or renew it with \`mig-pki renew ca\`"
    fi
}

end_of() {
    openssl x509 -in "$1" -noout -enddate | sed 's/^notAfter=//'
}

# Signs $request for what is in role, name, cn, sans, key; fills $work/leaf.crt.
sign_leaf() {
    check_lifetime "$days"
    write_configuration ca "$role" "$sans" "$key"
    sign "$request" "/O=MIG/OU=$unit/CN=$cn" leaf "$days" "$work/leaf.crt"
}

# Remembers what a certificate is, so that it can be renewed and revoked.
remember() {
    {
        printf 'role %s\ncn %s\nunit %s\nkey %s\nsans %s\n' "$role" "$cn" "$unit" "$key" "$sans"
        if [ -f "ca/issued/$name" ]; then sed -n '/^serial /p' "ca/issued/$name"; fi
        printf 'serial %s\n' "$(serial_of "$work/leaf.crt")"
    } >"$work/record"
    mv "$work/record" "ca/issued/$name"
}

recall() {
    check_name "$name"
    [ -f "ca/issued/$name" ] || fail "there is no certificate \`$name\`; \`mig-pki list\` shows those there are"
    role=$(sed -n 's/^role //p' "ca/issued/$name")
    cn=$(sed -n 's/^cn //p' "ca/issued/$name")
    unit=$(sed -n 's/^unit //p' "ca/issued/$name")
    key=$(sed -n 's/^key //p' "ca/issued/$name")
    sans=$(sed -n 's/^sans //p' "ca/issued/$name")
    file=$(file_of "$role" "$name")
}

# One certificate; takes role, name, cn, sans, csr.
issue() {
    file=$(file_of "$role" "$name")
    for taken in "$file.key" "$file.crt" "ca/issued/$name"; do
        [ ! -e "$taken" ] || fail "$taken exists already; it is never overwritten. Use \`mig-pki renew $name\`, or \`mig-pki revoke $name\` first"
    done
    case $file in agents/*) mkdir -p agents ;; esac
    write_configuration ca "$role" "$sans" "$key"
    if [ -n "$csr" ]; then
        run_openssl "read the request $csr" req -in "$csr" -noout -verify >/dev/null
        if openssl req -in "$csr" -noout -text | grep -q 'Public Key Algorithm: rsaEncryption'; then key=rsa; else key=ec; fi
        request=$work/request
        cp "$csr" "$request"
    else
        target=$work/leaf.key
        new_key
        request=$work/request
        new_request "$work/leaf.key" "/O=MIG/OU=$unit/CN=$cn" "$request"
    fi
    sign_leaf
    # The key first, which nothing can make again. Once there is a record, the
    # rest of an interrupted call is made up for by `renew` or `revoke`.
    if [ -z "$csr" ]; then mv "$work/leaf.key" "$file.key"; fi
    mv "$request" "ca/requests/$name.csr"
    remember
    mv "$work/leaf.crt" "$file.crt"
    say "$role: $file.crt for $cn${sans:+ ($sans)}, until $(end_of "$file.crt")"
}

# The names that a role has when it is told none.
plan() {
    # $1 role, $2 name or nothing
    role=$1 name=$2 unit=$1
    case $role in
    relay)
        unit="RabbitMQ Relay"
        [ -n "$name" ] || name=rabbitmq
        [ -n "$first" ] || fail "a relay's certificate needs --dns NAME or --ip ADDRESS, the name that agents connect to" 2
        cn=$first
        ;;
    database)
        [ -n "$name" ] || name=database
        [ -n "$first" ] || fail "a database's certificate needs --dns NAME or --ip ADDRESS, the name that clients connect to" 2
        cn=$first
        ;;
    scheduler | api | worker | agent)
        # A relay that goes by the common name would take it for that program.
        case $role:$name in
        agent:scheduler | agent:api | agent:worker | agent:admin | agent:guest)
            fail "no agent is called \`$name\`, which is the account of another program; give its queue location, such as linux.web1.example.com" 2
            ;;
        esac
        cn=${name:-$role.$domain}
        [ -n "$name" ] || name=$role
        if [ -z "$sans" ] && is_dns "$cn"; then sans=DNS:$cn; fi
        ;;
    *) fail "there is no role \`$(shown "$role")\`; take relay, scheduler, api, worker, database or agent" 2 ;;
    esac
    check_name "$name"
    check_common_name "$cn"
}

create() {
    refuse_existing_authority
    if [ -z "$relay" ]; then
        read_answer 'Public DNS name of the relay: '
        relay=$answer
    fi
    # All words are looked at before the first file is made.
    sans='' first=''
    add_all "$relay"
    check_common_name "$first"
    sans='' first=''
    add_all "${api:-api.$domain}"
    for role in scheduler api worker agent; do check_common_name "$role.$domain"; done
    check_lifetimes
    for name in rabbitmq scheduler api worker agent; do
        for taken in "$name.key" "$name.crt"; do
            [ ! -e "$taken" ] || fail "$taken exists already; it is never overwritten. Take an empty directory"
        done
    done
    if [ "$yes" = no ]; then
        read_answer "Make an authority and certificates for relay ($relay), scheduler, api, worker and agent in $PWD? [y/n] "
        case $answer in
        y | Y | yes) ;;
        *) fail "nothing was made" ;;
        esac
    fi
    make_authority
    need_authority
    for role in relay scheduler api worker agent; do
        sans='' first='' csr=''
        case $role in
        relay) add_all "$relay" ;;
        api) add_all "${api:-api.$domain}" ;;
        esac
        plan "$role" ''
        issue
    done
}

check_lifetimes() {
    [ "$days" -le "$ca_days" ] || fail "certificates of $days days would outlive an authority of $ca_days days" 2
}
