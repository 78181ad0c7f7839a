#!/bin/sh
# Stands for systemd on a machine of the tests: runs the ExecStart of the one unit that matters, and remembers what was asked.
calls=/run/test/systemctl.calls
printf '%s\n' "$*" >>"$calls"
# While this file is there, the installation is in the middle.
while [ "$1" = enable ] && [ -e /run/test/systemctl.slow ]; do sleep 0.1; done
verb=$1
pid_file=/run/test/agent.pid
unit=/etc/systemd/system/moorline-agent.service
wants=/etc/systemd/system/multi-user.target.wants
is_running() { [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }
stop() {
  is_running || return 0
  kill "$(cat "$pid_file")"
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    is_running || break
    sleep 0.1
  done
  is_running && kill -9 "$(cat "$pid_file")"
  rm -f "$pid_file"
}
start() {
  is_running && return 0
  set -a
  [ ! -f /etc/moorline/agent.env ] || . /etc/moorline/agent.env
  set +a
  command=$(sed -n 's/^ExecStart=//p' "$unit")
  setsid sh -c "echo \$\$ >$pid_file; exec $command" </dev/null >>/run/test/agent.log 2>&1 &
  while [ ! -s "$pid_file" ]; do sleep 0.05; done
}
case "$verb" in
is-active) is_running ;;
is-enabled) [ -e "$wants/moorline-agent.service" ] ;;
enable)
  mkdir -p "$wants"
  ln -sf "$unit" "$wants/moorline-agent.service"
  ;;
disable) rm -f "$wants/moorline-agent.service" ;;
stop) stop ;;
start) start ;;
restart)
  [ ! -e /run/test/systemctl.fails ] || {
    echo "Job for moorline-agent.service failed. $(cat /run/test/systemctl.fails)" >&2
    exit 1
  }
  stop
  start
  ;;
esac
