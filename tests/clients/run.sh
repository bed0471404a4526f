#!/bin/bash
# redis-py, node-redis and ioredis with their default settings against a fresh onebox. Installs the three into a scratch directory.
# usage: tests/clients/run.sh path/to/pegasus
set -euo pipefail
for tool in redis-cli python3 node npm; do command -v $tool >/dev/null || { echo "$0: $tool is missing" >&2; exit 1; }; done
pegasus=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$pegasus" onebox --port "$port" --data "$work/data" --set tracing.level=warn >"$work/log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 100); do redis-cli -p "$port" ping 2>/dev/null | grep -q PONG && break; sleep 0.1; done

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check redis
"$work/venv/bin/python" "$here/redis_py.py" "$port"

cd "$work" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund redis ioredis >/dev/null
NODE_PATH="$work/node_modules" node "$here/node_redis.js" "$port"
NODE_PATH="$work/node_modules" node "$here/ioredis.js" "$port"
