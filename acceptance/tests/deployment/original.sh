# A site of the original MIG on one machine, as its own documentation has it set up
# and as it is in use: what the page about moving starts with. Its programs are gone;
# what is left of it is what counts.
cd "$HOME"

# Certificates as the original's script made them: no alternative names.
mkdir -p mig-ca/ca/certs
: >mig-ca/ca/index
echo 1000 >mig-ca/ca/serial
country='/C=US/ST=Florida/L=Gator Town/O=MIG'
openssl req -x509 -newkey rsa:2048 -noenc -days 3650 -subj "$country/OU=CA/CN=example.org" \
    -addext basicConstraints=critical,CA:true,pathlen:1 -addext keyUsage=keyCertSign,cRLSign \
    -keyout mig-ca/ca/ca.key -out mig-ca/ca/ca.crt 2>/dev/null
cat >extensions <<'EXTENSIONS'
basicConstraints = critical, CA:false
keyUsage = digitalSignature, nonRepudiation, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth, msSGC, nsSGC
issuerAltName = issuer:copy
nsCertType = server, client
EXTENSIONS
for role in rabbitmq scheduler agent; do
    name=$role.example.org
    if [ "$role" = rabbitmq ]; then name=relay.example.org; fi
    openssl req -new -newkey rsa:2048 -noenc -subj "$country/OU=$role/CN=$name" \
        -keyout "mig-ca/$role.key" -out "mig-ca/$role.csr" 2>/dev/null
    openssl x509 -req -in "mig-ca/$role.csr" -CA mig-ca/ca/ca.crt -CAkey mig-ca/ca/ca.key \
        -CAserial mig-ca/ca/serial -days 1095 -extfile extensions -out "mig-ca/$role.crt" 2>/dev/null
done
sudo install -m 644 mig-ca/ca/ca.crt /etc/mig/ca.crt
for role in scheduler agent; do
    sudo install -m 644 "mig-ca/$role.crt" "/etc/mig/$role.crt"
    sudo install -m 400 "mig-ca/$role.key" "/etc/mig/$role.key"
done

rm extensions

# The relay: RabbitMQ, configured as in its older versions.
sudo mkdir -p /etc/rabbitmq
sudo install -m 644 mig-ca/ca/ca.crt /etc/rabbitmq/cacert.crt
sudo install -m 644 mig-ca/rabbitmq.crt /etc/rabbitmq/rabbitmq.crt
sudo install -o rabbitmq -g rabbitmq -m 400 mig-ca/rabbitmq.key /etc/rabbitmq/rabbitmq.key
sudo tee /etc/rabbitmq/rabbitmq.config >/dev/null <<'CONFIG'
[
  {rabbit, [
    {tcp_listeners, []},
    {ssl_listeners, [5671]},
    {ssl_options, [
      {cacertfile, "/etc/rabbitmq/cacert.crt"},
      {certfile, "/etc/rabbitmq/rabbitmq.crt"},
      {keyfile, "/etc/rabbitmq/rabbitmq.key"},
      {verify, verify_peer},
      {fail_if_no_peer_cert, true},
      {versions, ['tlsv1.2', 'tlsv1.1']}
    ]},
    {load_definitions, "/etc/rabbitmq/definitions.json"}
  ]}
].
CONFIG
# What `rabbitmqctl` had been told.
sudo tee /etc/rabbitmq/definitions.json >/dev/null <<'DEFINITIONS'
{
    "vhosts": [{ "name": "mig" }],
    "users": [
        { "name": "admin", "password": "CHANGE-ME-ADMIN", "tags": "administrator" },
        { "name": "scheduler", "password": "CHANGE-ME-SCHEDULER", "tags": "" },
        { "name": "agent", "password": "CHANGE-ME-AGENT", "tags": "" }
    ],
    "permissions": [
        {
            "user": "scheduler",
            "vhost": "mig",
            "configure": "^(toagents|toschedulers|toworkers|mig\\.agt\\..*)$",
            "write": "^(toagents|toworkers|mig\\.agt\\.(heartbeats|results))$",
            "read": "^(toagents|toschedulers|toworkers|mig\\.agt\\.(heartbeats|results))$"
        },
        {
            "user": "agent",
            "vhost": "mig",
            "configure": "^mig\\.agt\\..*$",
            "write": "^(toschedulers|mig\\.agt\\..*)$",
            "read": "^(toagents|mig\\.agt\\..*)$"
        }
    ]
}
DEFINITIONS

# An investigator with GnuPG 1's files.
export GNUPGHOME="$HOME/new"
mkdir -m 700 "$GNUPGHOME" "$HOME/.gnupg"
passphrase() {
    printf %s 'CHANGE-ME-ADA' | gpg --batch --pinentry-mode loopback --passphrase-fd 0 "$@"
}
passphrase --quick-generate-key 'Ada Lovelace <ada@example.org>' rsa2048 sign never
passphrase --export-secret-keys >.gnupg/secring.gpg
gpg --export >.gnupg/pubring.gpg
gpg --armor --export >ada.asc
fingerprint=$(gpg --with-colons --list-keys | awk -F: '$1 == "fpr" { print $10; exit }')
gpgconf --kill gpg-agent
unset GNUPGHOME
rm -r new
cat >.migrc <<MIGRC
[api]
    url = "http://localhost:1664/api/v1/"
[gpg]
    home = "/home/ada/.gnupg/"
    keyid = "$fingerprint"
[targets]
    macro = allonline:status='online'
MIGRC

# The database.
sudo apt-get install -y postgresql
sudo -u postgres psql -q -v ON_ERROR_STOP=1 <<'ROLES'
CREATE ROLE migadmin LOGIN PASSWORD 'CHANGE-ME-DB';
CREATE ROLE migscheduler LOGIN PASSWORD 'CHANGE-ME-DB';
CREATE ROLE migapi LOGIN PASSWORD 'CHANGE-ME-DB';
CREATE ROLE migreadonly;
GRANT migreadonly TO migapi, migscheduler;
CREATE DATABASE mig OWNER migadmin TEMPLATE template0 ENCODING 'UTF8';
ROLES
{
    echo 'SET ROLE migadmin;'
    cat original.sql
    cat <<'RIGHTS'
RESET ROLE;
ALTER TABLE agents_stats OWNER TO postgres;
ALTER TABLE manifestsig OWNER TO postgres;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO migscheduler;
GRANT SELECT ON actions, agents, commands, signatures TO migapi, migreadonly;
UPDATE investigators SET pgpfingerprint = :'fingerprint',
    publickey = convert_to(:'key', 'UTF8') WHERE name = 'Ada';
RIGHTS
} | sudo -u postgres psql -q -v ON_ERROR_STOP=1 -v fingerprint="$fingerprint" \
    -v key="$(cat ada.asc)" -d mig

# The programs' files.
database='
    host = "127.0.0.1"
    port = 5432
    dbname = "mig"
    password = "CHANGE-ME-DB"
    sslmode = "disable"
    maxconn = 10'
sudo tee /etc/mig/scheduler.cfg >/dev/null <<SCHEDULER
[agent]
    timeout = "20m"
    heartbeatfreq = "5m"
    detectmultiagents = true
    killdupagents = true
[collector]
    freq = "1s"
[periodic]
    freq = "87s"
    deleteafter = "72h"
    queuescleanupfreq = "24h"
[directories]
    spool = "/var/cache/mig/"
    tmp = "/var/tmp/"
[postgres]
    user = "migscheduler"$database
[mq]
    host = "relay.example.org"
    port = 5671
    user = "scheduler"
    pass = "CHANGE-ME-SCHEDULER"
    vhost = "mig"
    usetls = true
    cacert = "/etc/mig/ca.crt"
    tlscert = "/etc/mig/scheduler.crt"
    tlskey = "/etc/mig/scheduler.key"
    timeout = "600s"
[logging]
    mode = "stdout"
    level = "debug"
SCHEDULER
sudo tee /etc/mig/api.cfg >/dev/null <<API
[authentication]
    enabled = on
    tokenduration = "10m"
[manifest]
    requiredsignatures = 1
[server]
    ip = "127.0.0.1"
    port = 1664
    host = "http://localhost:1664"
    baseroute = "/api/v1"
    clientpublicip = "peer"
[postgres]
    user = "migapi"$database
[logging]
    mode = "stdout"
    level = "info"
API
sudo chmod 600 /etc/mig/scheduler.cfg /etc/mig/api.cfg
sudo tee /etc/mig/mig-agent.cfg >/dev/null <<AGENT
[agent]
    relay = "amqps://agent:CHANGE-ME-AGENT@relay.example.org:5671/mig"
    api = "http://localhost:1664/api/v1/"
    socket = "127.0.0.1:51664"
    heartbeatfreq = "300s"
    moduletimeout = "300s"
    isimmortal = on
    installservice = on
    discoverpublicip = off
    checkin = off
    extraprivacymode = off
    tags = "operator:it"
[certs]
    ca = "/etc/mig/ca.crt"
    cert = "/etc/mig/agent.crt"
    key = "/etc/mig/agent.key"
[logging]
    mode = "stdout"
    level = "info"
AGENT
sudo install -d -m 755 /etc/mig/agentkeys
sudo install -m 644 ada.asc /etc/mig/agentkeys/ada
sudo tee /etc/mig/acl.cfg >/dev/null <<ACL
{
    "default": {
        "minimumweight": 1,
        "investigators": { "Ada": { "fingerprint": "$fingerprint", "weight": 1 } }
    },
    "agentdestroy": {
        "minimumweight": 1,
        "investigators": { "scheduler": { "fingerprint": "$fingerprint", "weight": 1 } }
    }
}
ACL
