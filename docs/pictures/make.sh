#!/usr/bin/env bash
# Makes the pictures of the README from the real program. The program runs in tmux with the simulated API, and freeze turns the
# contents of the terminal into SVG. Chromium shows the page. The script needs Go, tmux, Chromium and a module proxy.
#
#   docs/pictures/make.sh               makes all pictures
#   docs/pictures/make.sh plan status   makes these pictures
#
# story.txt has the commands that run before each picture. The organization, the clock and the prompt are always the same, so that
# a picture changes only if the program changes.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD

freeze=github.com/charmbracelet/freeze@v0.2.2
organization=5c9f8a52-7c1d-4a0e-9a53-3f6c2b8d1e47
today=2026-11-23T09:00:00Z
columns=124 rows=34

(($# > 0)) || set -- plan apply status page
wanted=" $* "
command -v tmux >/dev/null || { echo 'install tmux' >&2; exit 1; }

scratch=$(mktemp -d)
server=
pane() { tmux -L "pictures-$$" "$@"; }
cleanup() {
  pane kill-server 2>/dev/null || true
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap cleanup EXIT

(cd ../.. && go build -o "$scratch/bin/orgsync" ./cmd/orgsync)
GOBIN=$scratch/bin go install "$freeze"
cp ../../users.example.yaml "$scratch/users.yaml"
cd "$scratch"
export HOME=$scratch PATH=$scratch/bin:$PATH
unset "${!XDG_@}" "${!VULTR_@}" "${!ORGSYNC_@}" NO_COLOR

# The simulation always begins at the same time, with the same id of the organization.
orgsync sandbox reset >/dev/null
offset=$(($(date -ud "$today" +%s) - $(date +%s)))
sed -i -E "s/(\"organization\":\{\"id\":\")[^\"]*/\1$organization/; s/\"clock_offset_ns\":0/\"clock_offset_ns\":${offset}000000000/" .local/state/orgsync/sandbox.json

# The latency makes the progress bar visible.
orgsync sandbox serve --listen 127.0.0.1:0 --latency 200ms >served 2>serve.log &
server=$!
for _ in {1..100}; do
  [[ -s served ]] && break
  sleep 0.1
done
grep -q '^export VULTR_API_URL=http://127.0.0.1:' served || { cat serve.log >&2; exit 1; }
# shellcheck source=/dev/null
source served

# seen PATTERN: waits until the terminal shows the pattern.
seen() {
  local try
  for ((try = 0; try < 600; try++)); do
    if pane capture-pane -p -t 0 | grep -qE "$1"; then
      return 0
    fi
    sleep 0.05
  done
  echo "the terminal never showed: $1" >&2
  pane capture-pane -p -t 0 >&2
  return 1
}

# picture NAME COMMAND: makes a picture of the terminal after the command or, for apply, while the command runs.
picture() {
  local name=$1 command=$2
  # The shell has no start files, no history and a short prompt.
  pane -f /dev/null new-session -d -x "$columns" -y "$rows" -e PS1='$ ' -e ORGSYNC_CONCURRENCY=1 bash --norc --noprofile
  pane set-option -g status off
  seen '^\$'
  pane send-keys -t 0 "$command" Enter
  if [[ $name == apply ]]; then
    seen '\[y/N\]'
    pane send-keys -t 0 y Enter
    seen '^[A-Z][a-z]+ [67]/[0-9]+ ' # the bar
  else
    seen "^\\$ $command" # the prompt before it is no longer an empty one
    seen '^\$ *$'
  fi
  # freeze does not know the codes for the default colour and for faint letters.
  pane capture-pane -e -p -t 0 | sed -E 's/\x1b\[39m/\x1b[0m/g; s/\x1b\[(0;)?2m/\x1b[38;5;245m/g' |
    sed -e :a -e '/^[[:space:]]*$/{$d;N;ba' -e '}' | sed -E '${/^\$ *$/d}' >"$name.ansi"
  seen '^\$ *$'
  pane kill-server
  freeze "$name.ansi" --language ansi --output "$here/$name.svg" --window --padding 20,28,20,28 --background '#16181d' \
    --font.family 'ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace' --font.size 14 --line-height 1.35 </dev/null >/dev/null
  echo "docs/pictures/$name.svg"
}

# page NAME COMMAND: writes the web page that the command prints, and a picture of the page.
page() {
  local name=$1 command=$2
  $command >"$here/$name.html" </dev/null
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$scratch/chromium" --window-size=1280,900 \
    --screenshot="$here/$name.png" "file://$here/$name.html" 2>/dev/null
  echo "docs/pictures/$name.png"
}

while read -r first rest; do
  case $first in
  '#' | '') ;;
  picture)
    read -r name command <<<"$rest"
    if [[ $wanted == *" $name "* && $name == page ]]; then
      page "$name" "$command"
    elif [[ $wanted == *" $name "* ]]; then
      picture "$name" "$command"
    else
      $command >/dev/null </dev/null # without a terminal nothing asks
    fi
    ;;
  orgsync)
    read -ra words <<<"$rest"
    orgsync "${words[@]}" >/dev/null </dev/null
    ;;
  *)
    echo "story.txt: $first?" >&2
    exit 1
    ;;
  esac
done <"$here/story.txt"
