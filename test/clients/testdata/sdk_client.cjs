// Runs one S3 operation with the AWS SDK for JavaScript: sdk_client.cjs OPERATION ARGUMENT...
const fs = require("node:fs");
const { pipeline } = require("node:stream/promises");
const sdk = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const s3 = new sdk.S3Client({ forcePathStyle: true });
const Bucket = process.env.BUCKET_NAME;
const [op, a, b, c] = process.argv.slice(2);

// The package does not export its package.json.
function installed() {
  return JSON.parse(fs.readFileSync(require.resolve("@aws-sdk/client-s3").replace(/dist-cjs.*/, "package.json")));
}

async function download(input, file) {
  const answer = await s3.send(new sdk.GetObjectCommand(input));
  await pipeline(answer.Body, fs.createWriteStream(file));
}

function copy(source, Key) {
  const CopySource = Bucket + "/" + source.split("/").map(encodeURIComponent).join("/");
  return s3.send(new sdk.CopyObjectCommand({ Bucket, Key, CopySource }));
}

const operations = {
  version: () => console.log(installed().version),
  put: () => new Upload({ client: s3, params: { Bucket, Key: b, Body: fs.createReadStream(a) } }).done(),
  get: () => download({ Bucket, Key: a }, b),
  head: async () => console.log((await s3.send(new sdk.HeadObjectCommand({ Bucket, Key: a }))).ContentLength),
  copy: () => copy(a, b),
  move: async () => {
    await copy(a, b);
    await s3.send(new sdk.DeleteObjectCommand({ Bucket, Key: a }));
  },
  delete: () => s3.send(new sdk.DeleteObjectCommand({ Bucket, Key: a })),
  list: async () => {
    for await (const page of sdk.paginateListObjectsV2({ client: s3 }, { Bucket, Prefix: a })) {
      for (const o of page.Contents ?? []) console.log(o.Key);
    }
  },
  presignGet: async () => console.log(await getSignedUrl(s3, new sdk.GetObjectCommand({ Bucket, Key: a }))),
  presignPut: async () => console.log(await getSignedUrl(s3, new sdk.PutObjectCommand({ Bucket, Key: a }))),
  versions: async () => {
    const answer = await s3.send(new sdk.ListObjectVersionsCommand({ Bucket, Prefix: a }));
    for (const v of [...(answer.Versions ?? []), ...(answer.DeleteMarkers ?? [])]) console.log(v.VersionId);
  },
  getVersion: () => download({ Bucket, Key: a, VersionId: b }, c),
  deleteVersion: () => s3.send(new sdk.DeleteObjectCommand({ Bucket, Key: a, VersionId: b })),
  retention: async () => {
    const { Retention } = await s3.send(new sdk.GetObjectRetentionCommand({ Bucket, Key: a }));
    console.log(Retention.Mode, Retention.RetainUntilDate.toISOString());
  },
  hold: async () => {
    for (const Status of ["ON", "OFF"]) {
      await s3.send(new sdk.PutObjectLegalHoldCommand({ Bucket, Key: a, LegalHold: { Status } }));
      console.log((await s3.send(new sdk.GetObjectLegalHoldCommand({ Bucket, Key: a }))).LegalHold.Status);
    }
  },
  settings: async () => {
    const lock = await s3.send(new sdk.GetObjectLockConfigurationCommand({ Bucket }));
    console.log((await s3.send(new sdk.GetBucketVersioningCommand({ Bucket }))).Status);
    console.log(lock.ObjectLockConfiguration.Rule.DefaultRetention);
  },
};

(async () => operations[op]())().catch((err) => {
  console.error(`${err.name}: ${err.message}`);
  process.exit(1);
});
