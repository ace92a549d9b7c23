# Certificates that exist: renewing, revoking, listing.

renew() {
    if [ "$name" = ca ]; then
        [ "$fresh" = no ] || fail "a new key makes another authority, which nobody trusts yet: make it in another directory with -d" 2
        write_configuration ca authority "" ec
        subject=$(openssl x509 -in ca/ca.crt -noout -subject -nameopt compat | sed 's/^subject= *//')
        if [ ! -f ca/requests/ca.csr ]; then
            encrypted=$encrypted_ca
            new_request ca/ca.key "$subject" "$work/request"
            encrypted=no
            mv "$work/request" ca/requests/ca.csr
        fi
        selfsign=yes
        sign ca/requests/ca.csr "$subject" authority "$ca_days" "$work/ca.crt"
        cp "$work/ca.crt" "$work/copy"
        chmod 644 "$work/copy"
        mv "$work/ca.crt" ca/ca.crt
        mv "$work/copy" ca.crt
        say "authority: the same key, until $(end_of ca.crt); hand out ca.crt again"
        return
    fi
    recall
    [ -f "ca/requests/$name.csr" ] || fail "the request of $name is missing in ca/requests"
    request=$work/request
    cp "ca/requests/$name.csr" "$request"
    if [ "$fresh" = yes ]; then
        [ -f "$file.key" ] || fail "the key of $name is not here; sign a new request: \`mig-pki revoke $name\`, then \`mig-pki issue $role $name --csr FILE\`"
        if [ "$key_given" = yes ]; then key=$wanted_key; fi
        write_configuration ca "$role" "$sans" "$key"
        target=$work/leaf.key
        new_key
        new_request "$work/leaf.key" "/O=MIG/OU=$unit/CN=$cn" "$request"
    fi
    sign_leaf
    # The key first, which nothing can make again.
    if [ "$fresh" = yes ]; then mv "$work/leaf.key" "$file.key"; fi
    mv "$request" "ca/requests/$name.csr"
    remember
    mv "$work/leaf.crt" "$file.crt"
    say "$role: $file.crt for $cn, until $(end_of "$file.crt")"
}

openssl_ca() {
    # The same as `openssl ca`, with the passphrase of the authority if it has one.
    what=$1
    shift
    if [ "$encrypted_ca" = yes ] && [ -n "${MIG_PKI_PASSPHRASE:-}" ]; then
        set -- "$@" -passin env:MIG_PKI_PASSPHRASE
    elif [ "$encrypted_ca" = yes ] && [ ! -t 0 ]; then
        fail "the authority's key is encrypted: set MIG_PKI_PASSPHRASE"
    fi
    run_openssl "$what" ca -config "$work/openssl.cnf" -batch "$@" >/dev/null
}

write_list() {
    write_configuration ca agent "" ec
    openssl_ca "write the list of revoked certificates" -gencrl -out "$work/ca.crl"
    chmod 644 "$work/ca.crl"
    mv "$work/ca.crl" ca.crl
}

revoke() {
    recall
    write_configuration ca agent "" ec
    # Renewals leave the certificate before valid, so all of them go.
    for serial in $(sed -n 's/^serial //p' "ca/issued/$name"); do
        # Those that an interrupted call got through already.
        if awk -F '\t' -v serial="$serial" '$1 == "R" && $4 == serial { found = 1 } END { exit !found }' ca/index; then continue; fi
        openssl_ca "revoke the certificate $serial" -revoke "ca/certs/$serial.pem" -crl_reason "$reason"
    done
    write_list
    for ending in crt key; do
        if [ -f "$file.$ending" ]; then mv "$file.$ending" "$file.$ending.revoked"; fi
    done
    rm -f "ca/requests/$name.csr"
    mv "ca/issued/$name" "$work/record"
    say "$name is revoked; give ca.crl to the relay"
}

list() {
    # $1: only what ends within so many seconds, or nothing
    found=1
    for record in ca ca/issued/*; do
        name=${record##*/}
        if [ "$record" = ca ]; then
            role=authority crt=ca/ca.crt
        elif [ -f "$record" ]; then
            role=$(sed -n 's/^role //p' "$record")
            # What was signed last, wherever its file has gone.
            crt=ca/certs/$(sed -n 's/^serial //p' "$record" | tail -n 1).pem
        else
            continue
        fi
        if [ -n "$1" ] && openssl x509 -in "$crt" -noout -checkend "$1" >/dev/null; then continue; fi
        found=0
        printf '%-10s %-32s until %s\n' "$role" "$name" "$(end_of "$crt")"
    done
    return "$found"
}
