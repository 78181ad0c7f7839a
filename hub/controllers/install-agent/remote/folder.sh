# Run by the login user: the folder NAME in the first of the places that has one already, or else in the first that takes a new one. The
# name cannot be guessed, and one that belongs to somebody else or is a link is not used.
name=$1
shift
umask 077
for place in "$@"; do
  folder=$place/$name
  if [ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ]; then
    printf 'moorline:folder=%s\n' "$folder"
    exit 0
  fi
done
for place in "$@"; do
  if mkdir "$place/$name"; then
    printf 'moorline:folder=%s\n' "$place/$name"
    exit 0
  fi
done
exit 1
