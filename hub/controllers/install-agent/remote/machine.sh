# Run as root on the machine, from the folder that the hub made there for one installation: sh machine.sh VERB FOLDER
#
#   install  what an agent would overwrite is put aside, then install.sh runs. When that fails, or standard input ends because the hub
#            has gone or wants it to stop, everything is put back. The first line of standard input is the agent's proxy, or empty: it
#            may hold a password.
#   settle   what an earlier connection left is brought to an end: prints `moorline:found=` done, undone or nothing.
#   undo     puts back what was there before, whatever has happened since.
#   finish   removes the folder; the agent stays.
#
# FOLDER/before exists from the moment on from which there may be something to undo; FOLDER/done from the moment on at which it is whole.
set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
verb=$1
folder=$2
before=$folder/before
service=moorline-agent.service
state=/var/lib/moorline-agent
binary=/usr/local/bin/moorline-agent
files="$binary /etc/moorline/agent.env /etc/systemd/system/$service"
folders="/usr/local/bin /etc/moorline /etc/systemd/system /etc/systemd/system/multi-user.target.wants $state"

answer() { printf 'moorline:%s\n' "$1"; }
complain() { printf '%s\n' "moorline: $*" >&2; }

is_agent_here() {
  systemctl is-active --quiet "$service" >/dev/null 2>&1 && return 0
  [ -n "$(ls -A "$state" 2>/dev/null)" ]
}

remember() {
  rm -rf "$before.new"
  mkdir "$before.new" || return 1
  for file in $files; do
    [ ! -e "$file" ] || cp -p "$file" "$before.new/$(basename "$file")" || return 1
  done
  for one in $folders; do
    [ -d "$one" ] || printf '%s\n' "$one" >>"$before.new/folders" || return 1
  done
  if systemctl is-enabled --quiet "$service" >/dev/null 2>&1; then : >"$before.new/enabled"; fi
  sync
  mv "$before.new" "$before"
}

undo() {
  rm -rf "$before.new"
  [ -d "$before" ] || return 0
  systemctl stop "$service" >/dev/null 2>&1
  [ -e "$before/enabled" ] || systemctl disable "$service" >/dev/null 2>&1
  failed=0
  for file in $files; do
    rm -f "$file.new"
    kept=$before/$(basename "$file")
    if [ ! -e "$kept" ]; then
      rm -f "$file" || failed=1
    elif ! cmp -s "$kept" "$file"; then
      cp -p "$kept" "$file.new" && mv -f "$file.new" "$file" || failed=1
    fi
  done
  rm -f /usr/local/bin/.moorline-agent.new
  # Empty or not there before, or nothing would have been begun.
  if [ -d "$state" ]; then find "$state" -mindepth 1 -delete || failed=1; fi
  if [ -f "$before/folders" ]; then
    # The last one made goes first; one that somebody else has put something into stays.
    sed '1!G;h;$!d' "$before/folders" | while read -r one; do rmdir "$one" 2>/dev/null; done
  fi
  systemctl daemon-reload >/dev/null 2>&1
  systemctl reset-failed "$service" >/dev/null 2>&1
  [ "$failed" -eq 0 ] || return 1
  rm -rf "$before"
}

stop_installer() {
  kill -s TERM -- "-$installer" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -s 0 -- "-$installer" 2>/dev/null || return 0
    sleep 0.5
  done
  kill -s KILL -- "-$installer" 2>/dev/null
}

give_up() {
  trap '' HUP INT TERM PIPE
  if [ -n "$installer" ]; then
    stop_installer
    wait "$installer" 2>/dev/null
  fi
  undo || complain 'not everything could be put back; the hub tries again'
  # In case that the hub does not come back.
  rm -f "$folder/token" "$folder/agent" "$folder/install.sh"
  exit 75
}

install() {
  if is_agent_here; then
    complain "there is an agent on this machine already, or what is left of one in $state"
    exit 73
  fi
  IFS= read -r proxy || exit 75
  remember || {
    complain 'what is there now could not be put aside: is the disk full?'
    rm -rf "$before.new"
    exit 74
  }
  installer=''
  trap give_up HUP INT TERM PIPE
  if [ -n "$proxy" ]; then
    MOORLINE_PROXY=$proxy
    export MOORLINE_PROXY
  fi
  # Its own group, so that everything it starts can be ended; TMPDIR, so that what it leaves lies in the folder.
  TMPDIR=$folder setsid sh "$folder/install.sh" --token-file "$folder/token" --agent-file "$folder/agent" </dev/null &
  installer=$!
  unset MOORLINE_PROXY proxy
  main=$$
  # Not standard input itself: a shell gives what it starts in the background an empty one.
  exec 3<&0
  {
    while read -r _; do :; done
    kill -s TERM "$main"
  } <&3 3<&- >/dev/null 2>&1 &
  watcher=$!
  exec 3<&-
  wait "$installer"
  code=$?
  trap '' HUP INT TERM PIPE
  if [ "$code" -eq 0 ] && : >"$folder/done"; then
    rm -f "$folder/token"
    kill -s KILL "$watcher" 2>/dev/null
    exit 0
  fi
  kill -s KILL "$watcher" 2>/dev/null
  undo || exit 76
  exit 77
}

case "$verb" in
install) install ;;
settle)
  if [ -e "$folder/done" ]; then
    answer found=done
  elif [ -d "$before" ] || [ -d "$before.new" ]; then
    undo || exit 76
    answer found=undone
  elif is_agent_here; then
    answer found=agent
  else
    answer found=nothing
  fi
  ;;
undo)
  rm -f "$folder/done"
  undo || exit 76
  rm -rf "$folder"
  ;;
finish) rm -rf "$folder" ;;
esac
