#!/bin/sh
# The authority and the certificates of a site, under the name that existing
# instructions use. Run it in an empty directory, or with `--relay NAME --yes`
# to be asked nothing; everything else is in `mig-pki help`.
set -eu
here=$(dirname "$(readlink -f "$0")")
exec "$here/mig-pki" create "$@"
