// node-redis with default settings.
const { createClient } = require('redis');
const assert = require('node:assert');

(async () => {
  const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}` });
  client.on('error', (error) => { throw error; });
  await client.connect();
  assert.equal(await client.set('node:a', '1'), 'OK');
  assert.equal(await client.get('node:a'), '1');
  assert.equal(await client.incr('node:n'), 1);
  const answers = await Promise.all(Array.from({ length: 1000 }, async (_, i) => {
    client.set(`node:k:${i}`, `${i}`);
    return client.get(`node:k:${i}`);
  }));
  assert.deepEqual(answers, Array.from({ length: 1000 }, (_, i) => `${i}`));
  let found = 0;
  for await (const keys of client.scanIterator({ MATCH: 'node:k:*', COUNT: 100 })) found += Array.isArray(keys) ? keys.length : 1;
  assert.equal(found, 1000);
  assert.equal(await client.expire('node:a', 100), 1);
  assert.ok((await client.ttl('node:a')) > 90);
  assert.equal(await client.set('node:a', '2', { condition: 'NX' }), null);
  await assert.rejects(client.sendCommand(['NOSUCH']), /unknown command/);
  assert.match(await client.info(), /redis_version/);
  await client.close();
  const three = createClient({ url: `redis://127.0.0.1:${process.argv[2]}/2`, RESP: 3 });
  await three.connect();
  assert.equal(await three.get('node:a'), null);
  await three.close();
  console.log(`node-redis ${require('redis/package.json').version}: ok, RESP2 default and RESP3`);
})().catch((error) => { console.error(error); process.exit(1); });
