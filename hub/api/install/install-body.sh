# The part of /install.sh that is the same on every hub; script.ts puts this hub's constants above it.
#
# DESTDIR puts everything below another root and leaves out the checks for root and systemd: for packaging, and for the tests.
# shellcheck shell=sh disable=SC2154

usage() {
  cat <<'END_OF_USAGE'
Usage: sh install.sh [--token-file FILE] [--proxy-file FILE] [--agent-file FILE] [--pin PIN]... [--kubeconfig FILE] [--wait]
       sh install.sh --uninstall

The join token is read from FILE, MOORLINE_JOIN_TOKEN or standard input, never from an argument.
The proxy is read from FILE or MOORLINE_PROXY: socks5://[user:password@]host:port or http://[user:password@]host:port.

  --agent-file FILE  the agent's binary, brought along: nothing is downloaded, and curl is not needed
  --kubeconfig FILE  lead the hub to the cluster of this kubeconfig; written into a policy file if there is none
  --wait             wait for the operator's approval; without it the service does
  --uninstall        undo what tasks changed, remove service, binary and identity
END_OF_USAGE
}

say() { printf '%s\n' "moorline: $*"; }
fail() {
  printf '%s\n' "moorline: $*" >&2
  exit 1
}

root=${DESTDIR:-}
binary=$root/usr/local/bin/moorline-agent
state_dir=$root/var/lib/moorline-agent
config_dir=$root/etc/moorline
env_file=$config_dir/agent.env
policy_file=$config_dir/agent-policy.json
unit_file=$root/etc/systemd/system/moorline-agent.service

token_file=''
proxy_file=''
agent_file=''
pins=''
kubeconfig=''
wait_flag='--no-wait'
action=install
while [ $# -gt 0 ]; do
  case "$1" in
  --token-file) [ $# -ge 2 ] || fail '--token-file needs a file'; token_file=$2; shift 2 ;;
  --proxy-file) [ $# -ge 2 ] || fail '--proxy-file needs a file'; proxy_file=$2; shift 2 ;;
  --agent-file) [ $# -ge 2 ] || fail '--agent-file needs a file'; agent_file=$2; shift 2 ;;
  --pin) [ $# -ge 2 ] || fail '--pin needs a pin'; pins="$pins $2"; shift 2 ;;
  --kubeconfig) [ $# -ge 2 ] || fail '--kubeconfig needs a file'; kubeconfig=$2; shift 2 ;;
  --wait) wait_flag=''; shift ;;
  --uninstall) action=uninstall; shift ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; fail "unknown argument: $1" ;;
  esac
done

# Only characters that mean nothing to a shell, to systemd's EnvironmentFile or to curl's configuration.
is_clean() {
  case "$1" in
  '' | *[!A-Za-z0-9._~:/@%+=,\[\]-]*) return 1 ;;
  esac
}

check_machine() {
  [ "$(uname -s)" = Linux ] || fail 'only Linux is supported'
  if [ -z "$root" ]; then
    [ "$(id -u)" -eq 0 ] || fail 'run this as root (sudo sh install.sh ...)'
    [ -d /run/systemd/system ] || fail 'systemd does not run here; start "moorline-agent run" under your own supervisor'
  fi
  curl=curl
  [ -z "$agent_file" ] || curl=''
  for program in systemctl $curl sha256sum base64 mktemp; do
    command -v "$program" >/dev/null 2>&1 || fail "$program is needed; install it with the package manager"
  done
}

read_token() {
  if [ -n "$token_file" ]; then
    token=$(cat -- "$token_file")
  elif [ -n "${MOORLINE_JOIN_TOKEN:-}" ]; then
    token=$MOORLINE_JOIN_TOKEN
  elif [ -t 0 ]; then
    fail 'no join token: use --token-file, MOORLINE_JOIN_TOKEN or standard input'
  else
    token=$(cat)
  fi
  case "$token" in
  '' | *[!A-Za-z0-9_-]*) fail 'the join token has a form that no hub gives out' ;;
  esac
  unset MOORLINE_JOIN_TOKEN
}

read_proxy() {
  proxy=${MOORLINE_PROXY:-}
  if [ -n "$proxy_file" ]; then proxy=$(cat -- "$proxy_file"); fi
  no_proxy_list=${MOORLINE_NO_PROXY:-}
  if [ -z "$proxy" ] && [ -f "$env_file" ]; then
    # A second run keeps the proxy of the first.
    proxy=$(sed -n "s/^MOORLINE_PROXY='\(.*\)'$/\1/p" "$env_file")
    no_proxy_list=$(sed -n "s/^MOORLINE_NO_PROXY='\(.*\)'$/\1/p" "$env_file")
  fi
  if [ -n "$proxy" ]; then
    is_clean "$proxy" || fail 'the proxy may hold letters, digits and ._~:/@%+=,[]- only; percent-encode the rest'
    case "$proxy" in
    socks5://?* | socks5h://?* | http://?*) ;;
    *) fail 'the proxy must begin with socks5:// or http://' ;;
    esac
  fi
  [ -z "$no_proxy_list" ] || is_clean "$no_proxy_list" || fail 'MOORLINE_NO_PROXY has characters that are not allowed'
}

read_pins() {
  [ -n "$pins" ] || pins=$default_pins
  for pin in $pins; do
    case "$pin" in
    *[!A-Za-z0-9+/=]*) fail 'a pin must be base64' ;;
    esac
    [ "${#pin}" -eq 44 ] || fail 'a pin has 44 characters'
  done
}

check_kubeconfig() {
  [ -n "$kubeconfig" ] || return 0
  case "$kubeconfig" in
  /*) ;;
  *) fail '--kubeconfig needs a whole path' ;;
  esac
  is_clean "$kubeconfig" || fail '--kubeconfig has characters that are not allowed'
  [ -r "$root$kubeconfig" ] || fail "$kubeconfig is not there; run this on a control plane host of the cluster, or name another file with --kubeconfig"
}

# The policy belongs to the owner of the machine: one that is there is never changed.
write_policy() {
  [ -n "$kubeconfig" ] || return 0
  part="\"kubernetes\": { \"source\": \"kubeconfig\", \"path\": \"$kubeconfig\" }"
  if [ ! -e "$policy_file" ]; then
    printf '{ %s }\n' "$part" >"$policy_file.new"
    chmod 0644 "$policy_file.new"
    mv -f "$policy_file.new" "$policy_file"
    is_changed=1
    say "wrote $policy_file: the hub may use the cluster of $kubeconfig through this machine"
  elif ! grep -q '"kubernetes"' "$policy_file"; then
    say "$policy_file was left as it is, and does not lead the hub to the cluster. Add this and restart the agent:"
    printf '%s\n' "  $part"
  fi
}

# Trusts the hub's CA for this download only, and of that only a server that holds a pinned key. curl is required: wget cannot pin.
# The proxy goes by a configuration on standard input, so that its password is in no process's arguments.
download() {
  curl_proxy=$proxy
  case "$curl_proxy" in
  socks5://*) curl_proxy="socks5h://${curl_proxy#socks5://}" ;;
  esac
  {
    if [ -n "$curl_proxy" ]; then printf 'proxy = "%s"\n' "$curl_proxy"; fi
    printf 'noproxy = "%s"\n' "$no_proxy_list"
  } | curl --config - --fail --silent --show-error --proto '=https' --tlsv1.2 --retry 3 --connect-timeout 15 \
    --cacert "$work/ca.pem" --capath "$work/none" --pinnedpubkey "$web_pins" --max-filesize 268435456 \
    --output "$2" "$hub_url/artifacts/$1" ||
    fail "the agent could not be downloaded from $hub_url; nothing was changed"
}

has_digest() {
  [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$sha256" ]
}

install_binary() {
  choose_artifact
  if has_digest "$binary"; then
    say "$binary is up to date"
    return
  fi
  printf %s "$ca_base64" | base64 -d >"$work/ca.pem"
  new=$work/agent
  if [ -n "$agent_file" ]; then
    new=$agent_file
  elif [ "$has_zstd" -eq 1 ] && command -v zstd >/dev/null 2>&1; then
    download "$artifact.zst" "$work/agent.zst"
    zstd -q -d -f -o "$work/agent" "$work/agent.zst"
  else
    download "$artifact" "$work/agent"
  fi
  has_digest "$new" || fail 'the agent that came has another digest than this script names; nothing was changed'
  mkdir -p "$(dirname "$binary")"
  # Beside its place first, then renamed: a running agent keeps its file, and a full disk leaves the old one.
  cp "$new" "$(dirname "$binary")/.moorline-agent.new"
  chmod 0755 "$(dirname "$binary")/.moorline-agent.new"
  mv -f "$(dirname "$binary")/.moorline-agent.new" "$binary"
  is_changed=1
  say "installed $binary"
}

write_files() {
  mkdir -p "$config_dir" "$(dirname "$unit_file")"
  (
    umask 077
    {
      if [ -n "$proxy" ]; then printf "MOORLINE_PROXY='%s'\n" "$proxy"; fi
      if [ -n "$no_proxy_list" ]; then printf "MOORLINE_NO_PROXY='%s'\n" "$no_proxy_list"; fi
    } >"$env_file.new"
  )
  chmod 0600 "$env_file.new"
  replace "$env_file"
  print_unit >"$unit_file.new"
  chmod 0644 "$unit_file.new"
  replace "$unit_file"
}

replace() {
  if cmp -s "$1.new" "$1"; then
    rm -f "$1.new"
  else
    mv -f "$1.new" "$1"
    is_changed=1
  fi
}

enroll() {
  set -- enroll --hub "$hub_address" --state-dir "$state_dir" --token-stdin
  for pin in $pins; do set -- "$@" --pin "$pin"; done
  [ -z "$wait_flag" ] || set -- "$@" "$wait_flag"
  (umask 077 && mkdir -p "$state_dir")
  printf '%s\n' "$token" | MOORLINE_PROXY=$proxy MOORLINE_NO_PROXY=$no_proxy_list "$binary" "$@" ||
    fail 'this machine could not join; the service was not started'
}

install_agent() {
  check_machine
  read_proxy
  read_pins
  check_kubeconfig
  is_changed=0
  is_enrolled=0
  [ ! -f "$state_dir/identity/current" ] || is_enrolled=1
  [ "$is_enrolled" -eq 1 ] || read_token
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  install_binary
  write_files
  write_policy
  if [ "$is_enrolled" -eq 1 ]; then
    say 'this machine has an identity already'
  else
    # A service that waits for an earlier request holds the state directory.
    systemctl stop moorline-agent.service >/dev/null 2>&1 || true
    enroll
  fi
  systemctl daemon-reload
  systemctl enable moorline-agent.service
  if [ "$is_changed" -eq 1 ] || [ "$is_enrolled" -eq 0 ]; then
    systemctl restart moorline-agent.service
  else
    systemctl start moorline-agent.service
  fi
  say 'the service moorline-agent runs; see: moorline-agent status'
}

uninstall_agent() {
  check_machine
  systemctl disable --now moorline-agent.service >/dev/null 2>&1 || true
  if [ -x "$binary" ]; then
    "$binary" leave --state-dir "$state_dir" ||
      fail 'some changes could not be undone; repair what is listed above and run this again'
  fi
  rm -f "$unit_file" "$env_file" "$binary"
  rm -rf "$state_dir"
  systemctl daemon-reload
  say "removed; $policy_file, if there is one, was left"
}

# Called at the very end, so that a script cut off on the way does nothing.
if [ "$action" = uninstall ]; then uninstall_agent; else install_agent; fi
