# Run by the login user before anything else: reads, changes nothing. Each answer is a line `moorline:name=value`.
say() { printf 'moorline:%s=%s\n' "$1" "$2"; }
free_of() { [ -d "$1" ] && df -Pk "$1" 2>/dev/null | sed -n '2s/.* \([0-9][0-9]*\)  *[0-9][0-9]*% .*/\1/p'; }
has() { command -v "$1" >/dev/null 2>&1; }
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

say system "$(uname -s)"
say architecture "$(uname -m)"
say user "$(id -u)"
if [ -d /run/systemd/system ]; then say systemd yes; else say systemd no; fi
if has sudo; then say sudo yes; else say sudo no; fi
if has gzip; then say gzip yes; else say gzip no; fi
for program in systemctl sha256sum base64 mktemp setsid cmp sed; do
  has "$program" || say missing "$program"
done
# Where the files may lie while they are used, with free KiB. /var/tmp outlives a restart, so that what is begun can be undone after one.
for folder in /var/tmp /tmp; do
  if [ -d "$folder" ] && [ -w "$folder" ]; then
    say folder "$folder $(free_of "$folder")"
  fi
done
say place "$(free_of /usr/local/bin || free_of /usr)"
say end yes
