# What people type: nothing of it reaches openssl or a file name unchecked.

# What a control character would do to a terminal is nobody's business.
shown() {
    printf '%s' "$1" | tr -c '[:print:]' '?'
}

check_number() {
    case $2 in
    '' | 0* | *[!0-9]* | ??????*) fail "$1 takes a number of days between 1 and 99999, not \`$(shown "$2")\`" 2 ;;
    esac
}

check_key() {
    case $1 in
    ec | ec384 | rsa | rsa4096) ;;
    *) fail "there is no kind of key \`$(shown "$1")\`; take ec, ec384, rsa or rsa4096" 2 ;;
    esac
}

is_dns() {
    case $1 in
    '' | *[!A-Za-z0-9.-]* | .* | *. | *..* | -* | *- | *.-* | *-.*) return 1 ;;
    esac
    [ "${#1}" -le 253 ] || return 1
    labels=$1.
    while [ -n "$labels" ]; do
        label=${labels%%.*}
        labels=${labels#*.}
        [ "${#label}" -le 63 ] || return 1
    done
}

is_ip() {
    case $1 in
    *:*)
        case $1 in
        *[!0-9A-Fa-f:.]* | *:::* | *::*::*) return 1 ;;
        *) return 0 ;;
        esac
        ;;
    *.*.*.*.* | *[!0-9.]* | .* | *. | *..*) return 1 ;;
    *.*.*.*) ;;
    *) return 1 ;;
    esac
    octets=$1.
    while [ -n "$octets" ]; do
        octet=${octets%%.*}
        octets=${octets#*.}
        case $octet in
        ? | [1-9]? | 1?? | 2[0-4]? | 25[0-5]) ;;
        *) return 1 ;;
        esac
    done
}

# Becomes a file name and, for SASL EXTERNAL, the name of a user of the relay.
check_name() {
    case $1 in
    '' | .* | -* | *[!A-Za-z0-9._-]*) fail "\`$(shown "$1")\` cannot be a name; use letters, digits, dots, hyphens and underscores" 2 ;;
    ca | agents) fail "the name \`$1\` is taken by the authority's own files" 2 ;;
    *.revoked) fail "the name \`$1\` ends like a file that mig-pki keeps aside" 2 ;;
    esac
    check_common_name "$1"
}

check_common_name() {
    [ "${#1}" -le 64 ] || fail "\`$1\` is longer than the 64 characters that a certificate's common name may have" 2
}

add_dns() {
    is_dns "$1" || fail "\`$(shown "$1")\` is not a host name" 2
    sans=${sans:+$sans,}DNS:$1
    [ -n "$first" ] || first=$1
}

add_ip() {
    is_ip "$1" || fail "\`$(shown "$1")\` is not an IP address" 2
    sans=${sans:+$sans,}IP:$1
    [ -n "$first" ] || first=$1
}

# Host names and addresses with commas, as `create` takes them.
add_all() {
    rest=$1,
    while [ -n "$rest" ]; do
        item=${rest%%,*}
        rest=${rest#*,}
        case $item in
        *:* | [0-9]*.[0-9]*.[0-9]*.[0-9] | [0-9]*.[0-9]*.[0-9]*.[0-9][0-9] | [0-9]*.[0-9]*.[0-9]*.[0-9][0-9][0-9])
            add_ip "$item"
            ;;
        *) add_dns "$item" ;;
        esac
    done
}

read_answer() {
    printf '%s' "$1" >&2
    IFS= read -r answer || [ -n "$answer" ] ||
        fail "no answer on standard input; to run unattended give --relay NAMES and --yes"
}
