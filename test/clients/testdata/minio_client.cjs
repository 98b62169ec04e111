// Runs one S3 operation with minio-js: minio_client.cjs OPERATION ARGUMENT...
const fs = require("node:fs");
const path = require("node:path");
const minio = require("minio");

const { BUCKET_NAME: bucket, ...env } = process.env;
const s3 = new minio.Client({
  endPoint: env.BUCKET_HOST,
  port: Number(env.BUCKET_PORT),
  useSSL: env.AWS_ENDPOINT_URL_S3.startsWith("https:"),
  region: env.AWS_REGION,
  accessKey: env.AWS_ACCESS_KEY_ID,
  secretKey: env.AWS_SECRET_ACCESS_KEY,
  // By default its parts are larger than the files of the tests.
  partSize: 8 << 20,
});
const [op, a, b, c] = process.argv.slice(2);

// The package does not export its package.json.
function installed() {
  let dir = path.dirname(require.resolve("minio"));
  while (!fs.existsSync(path.join(dir, "package.json")) || !read(dir).version) dir = path.dirname(dir);
  return read(dir);
}

function read(dir) {
  return JSON.parse(fs.readFileSync(path.join(dir, "package.json")));
}

async function list(stream, line) {
  for await (const o of stream) console.log(line(o));
}

function copy(from, to) {
  return s3.copyObject(bucket, to, "/" + bucket + "/" + from.split("/").map(encodeURIComponent).join("/"));
}

const operations = {
  version: () => console.log(installed().version),
  put: () => s3.fPutObject(bucket, b, a),
  get: () => s3.fGetObject(bucket, a, b),
  head: async () => console.log((await s3.statObject(bucket, a)).size),
  copy: () => copy(a, b),
  move: async () => {
    await copy(a, b);
    await s3.removeObject(bucket, a);
  },
  delete: () => s3.removeObject(bucket, a),
  list: () => list(s3.listObjectsV2(bucket, a, true), (o) => o.name),
  presignGet: async () => console.log(await s3.presignedGetObject(bucket, a)),
  presignPut: async () => console.log(await s3.presignedPutObject(bucket, a)),
  presignPost: async () => {
    const policy = s3.newPostPolicy();
    policy.setBucket(bucket);
    policy.setKey(a);
    policy.setExpires(new Date(Date.now() + 3600e3));
    const { postURL, formData } = await s3.presignedPostPolicy(policy);
    console.log(JSON.stringify({ url: postURL, fields: formData }));
  },
  versions: () => list(s3.listObjects(bucket, a, true, { IncludeVersion: true }), (o) => o.versionId),
  getVersion: () => s3.fGetObject(bucket, a, c, { versionId: b }),
  deleteVersion: () => s3.removeObject(bucket, a, { versionId: b }),
  retention: async () => {
    const r = await s3.getObjectRetention(bucket, a);
    console.log(r.mode, r.retainUntilDate);
  },
  hold: async () => {
    for (const status of ["ON", "OFF"]) {
      await s3.setObjectLegalHold(bucket, a, { status });
      console.log(await s3.getObjectLegalHold(bucket, a));
    }
  },
  settings: async () => console.log(await s3.getBucketVersioning(bucket), await s3.getObjectLockConfig(bucket)),
};

(async () => operations[op]())().catch((err) => {
  console.error(`${err.code}: ${err.message}`);
  process.exit(1);
});
