// ioredis with default settings: its ready check reads INFO.
const Redis = require('ioredis');
const assert = require('node:assert');

(async () => {
  const redis = new Redis(Number(process.argv[2]));
  assert.equal(await redis.set('io:a', '1', 'EX', 100), 'OK');
  assert.equal(await redis.get('io:a'), '1');
  const pipeline = redis.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.set(`io:k:${i}`, i).get(`io:k:${i}`);
  const answers = await pipeline.exec();
  for (let i = 0; i < 1000; i++) assert.deepEqual(answers[2 * i + 1], [null, `${i}`]);
  assert.deepEqual(await redis.mget('io:k:1', 'io:none', 'io:k:2'), ['1', null, '2']);
  const seen = new Set();
  for await (const keys of redis.scanStream({ match: 'io:k:*', count: 100 })) keys.forEach((key) => seen.add(key));
  assert.equal(seen.size, 1000);
  await assert.rejects(redis.call('INCR', 'io:a', 'x'), /wrong number of arguments/);
  assert.equal(await redis.getdel('io:a'), '1');
  redis.disconnect();
  console.log(`ioredis ${require('ioredis/package.json').version}: ok`);
})().catch((error) => { console.error(error); process.exit(1); });
