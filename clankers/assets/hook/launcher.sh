# Starts clankers' recorder for the hooks of coding agents: `sh hook SOURCE`, or prints their status line: `sh hook
# --statusline`, below that of another command: `sh hook --statusline COMMAND`. `clankers install` writes this file, the
# last `clankers uninstall` removes it. Where no recorder is found it prints nothing and exits 0.

# The environment that `clankers install` last ran in.
python=@PYTHON@
packages=@PACKAGES@

verb=append source=${1-}
if [ "$source" = --statusline ]; then
    verb=statusline source=
    if [ -n "${2-}" ]; then
        given=$(cat)
        printed=$(printf '%s\n' "$given" | sh -c "$2")
        [ -z "$printed" ] || printf '%s\n' "$printed"
        exec <<END
$given
END
    fi
fi

# Replace this shell by the recorder in the directory $2, run by the interpreter $1; return where there is none.
record() {
    [ -x "$1" ] && [ -r "$2/clankers/append.py" ] || return
    # -I and -S leave out what recording does not need: the Python settings of the session, and site-packages. What is
    # written is on the disk when `main` returns, so nothing is left but taking Python down, a tenth of a hook's time.
    exec "$1" -IS -c '
import os, sys
sys.path.append(sys.argv.pop(1))
try:
    from clankers.__main__ import main
    code = main()
    if code:
        from clankers.append import exit_code_of_hook
        code = exit_code_of_hook(sys.argv[-1], code)
except (ImportError, SyntaxError):  # the package is being replaced
    code = 0
os._exit(code)' "$2" "$verb" ${source:+"$source"}
}

record "$python" "$packages"

# The environment was made again with another Python, or is another one, whose `clankers` is on the PATH.
program=$(PATH=$PATH:$HOME/.local/bin && readlink -f "$(command -v clankers)" 2>/dev/null)
for bin in "${python%/*}" "${program%/*}"; do
    for found in "$bin"/../lib/python3*/site-packages; do
        record "$bin/python3" "$found"
    done
done

# The environment's Python was removed: recording needs no other package, so any Python that knows its syntax will do.
other=$(command -v python3) &&
    "$other" -c 'import sys; sys.exit(sys.version_info < (3, 11))' </dev/null >/dev/null 2>&1 &&
    record "$other" "$packages"
exit 0
