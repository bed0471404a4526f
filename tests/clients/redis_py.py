"""redis-py with default settings: RESP3 where it asks for it, pipelines, scans, expiry, errors."""

import sys

import redis

r = redis.Redis(port=int(sys.argv[1]), decode_responses=True)
assert r.ping()
assert r.set("py:a", "1") is True
assert r.get("py:a") == "1"
assert r.set("py:a", "2", nx=True) is None
assert r.set("py:a", "2", get=True) == "1"
assert r.incrby("py:n", 5) == 5
assert r.incrbyfloat("py:f", 1.5) == 1.5
assert r.expire("py:a", 100) and 0 < r.ttl("py:a") <= 100
assert r.persist("py:a") and r.ttl("py:a") == -1

pipe = r.pipeline(transaction=False)
for i in range(1000):
    pipe.set(f"py:k:{i}", i)
    pipe.get(f"py:k:{i}")
answers = pipe.execute()
assert answers[0::2] == [True] * 1000 and answers[1::2] == [str(i) for i in range(1000)], "a pipelined read sees the write before it"
assert r.mget([f"py:k:{i}" for i in range(100)]) == [str(i) for i in range(100)]
assert r.mset({f"py:m:{i}": i for i in range(100)}) is True
assert len(set(r.scan_iter("py:k:*", count=100))) == 1000
assert r.delete(*[f"py:k:{i}" for i in range(1000)]) == 1000
assert r.exists("py:k:1", "py:a", "py:a") == 2
try:
    r.incr("py:x") and r.set("py:x", "word") and r.incr("py:x")
    raise AssertionError("INCR of a word must fail")
except redis.ResponseError as error:
    assert "not an integer" in str(error)
with redis.Redis(port=int(sys.argv[1]), db=3, protocol=3, decode_responses=True) as other:
    assert other.get("py:a") is None and other.set("py:a", "db3") and other.dbsize() == 1
    other.flushdb()
assert r.get("py:a") == "2"
assert r.info()["redis_mode"] == "standalone" and "db0" in r.info("keyspace")
assert r.client_id() > 0 and r.config_get("maxmemory") is not None
binary = redis.Redis(port=int(sys.argv[1]))
value = bytes(range(256)) * 100
binary.set(b"py:\x00\xff", value)
assert binary.get(b"py:\x00\xff") == value
print(f"redis-py {redis.__version__}: ok, protocol {r.connection_pool.make_connection().protocol}")
