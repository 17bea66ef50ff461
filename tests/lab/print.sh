# shellcheck shell=bash disable=SC2154
# How the lab talks: numbered steps, ✓ and ✗ lines; colour only on a terminal. Sourced by lab.sh.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  c_bold=$'\e[1m' c_dim=$'\e[2m' c_green=$'\e[32m' c_red=$'\e[31m' c_off=$'\e[0m'
else
  c_bold='' c_dim='' c_green='' c_red='' c_off=''
fi
# Descriptor 3 is the reader's, whatever a command substitution or a pipe does with 1.
exec 3>&1
step_number=0
cases_failed=()
cases_run=0

die() { printf '%serror:%s %s\n' "$c_red" "$c_off" "$*" >&2; exit 1; }

step() { step_number=$((step_number + 1)); printf '\n%s%2d. %s%s\n' "$c_bold" "$step_number" "$*" "$c_off" >&3; }
ok() { printf '    %s✓%s %s\n' "$c_green" "$c_off" "$*" >&3; }
fail() { printf '    %s✗ %s%s\n' "$c_red" "$*" "$c_off" >&3; }
note() { printf '      %s\n' "$*" >&3; }
# Paths of this run are shortened, and so are tokens.
show_command() {
  local ns=$1 text='' word
  shift
  for word in "$@"; do
    [[ $word != cw1.* || ${#word} -le 40 ]] || word="${word:0:24}…"
    text+=" $word"
  done
  text=${text//$lab_dir/\$LAB}
  text=${text//$bin\//}
  text=${text//$lab_source\//}
  printf '    %s[%s]%s%s\n' "$c_dim" "$ns" "$c_off" "${text//$python/python3}" >&3
}
indent() { sed 's/^/      /'; }

# check TEXT CMD...: one ✓ or ✗ line; false when CMD is.
check() {
  local text=$1
  shift
  if "$@"; then ok "$text"; else fail "$text"; return 1; fi
}

# expect TEXT EXPECTED ACTUAL
expect() {
  if [[ $2 == "$3" ]]; then ok "$1: $3"; else fail "$1: expected $2, got $3"; return 1; fi
}

# The command that failed and where it was called from; said once, by the innermost shell.
report_error() {
  local frame
  [[ ! -e $lab_dir/reported ]] || return 0
  : >"$lab_dir/reported"
  {
    printf '    %sfailed:%s %s\n' "$c_red" "$c_off" "${1//$lab_dir/\$LAB}"
    for ((frame = 1; frame < ${#FUNCNAME[@]}; frame++)); do
      printf '      in %s, %s line %s\n' "${FUNCNAME[frame]}" "${BASH_SOURCE[frame]##*/}" "${BASH_LINENO[frame - 1]}"
    done
  } >&2
}

# run_case FUNCTION TEXT: one situation; what it started is stopped, the next one runs whatever happened.
run_case() {
  local code
  cases_run=$((cases_run + 1))
  step "$2"
  rm -f "$lab_dir/reported"
  set +e
  (set -e; "$1")
  code=$?
  set -e
  if ((code != 0)); then
    cases_failed+=("$2")
    show_logs
  fi
  stop_all
  rm -f "$lab_dir"/log/*
}

end_cases() {
  local name
  echo
  if ((${#cases_failed[@]})); then
    for name in "${cases_failed[@]}"; do fail "$name"; done
    echo "${#cases_failed[@]} of $cases_run cases failed"
    exit 1
  fi
  echo "all $cases_run cases passed"
}

# The last lines of every log, for whoever reads a failure.
show_logs() {
  local file
  for file in "$lab_dir"/log/*; do
    [[ -s $file ]] || continue
    printf '    --- last lines of %s\n' "${file##*/}"
    tail -n 25 "$file" | indent
  done
}

human_bytes() { numfmt --to=si --suffix=B --format=%.1f "$1"; }
