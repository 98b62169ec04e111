"""Runs one S3 operation with boto3: boto3_client.py OPERATION ARGUMENT..."""
import json
import os
import sys

import boto3

s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
bucket = os.environ["BUCKET_NAME"]
op, args = sys.argv[1], sys.argv[2:]


def names(prefix):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for o in page.get("Contents", []):
            yield o["Key"]


def copy(source, target):
    s3.copy({"Bucket": bucket, "Key": source}, bucket, target)


if op == "version":
    print(boto3.__version__)
elif op == "put":
    s3.upload_file(args[0], bucket, args[1])
elif op == "get":
    s3.download_file(bucket, args[0], args[1])
elif op == "head":
    print(s3.head_object(Bucket=bucket, Key=args[0])["ContentLength"])
elif op == "copy":
    copy(*args)
elif op == "move":
    copy(*args)
    s3.delete_object(Bucket=bucket, Key=args[0])
elif op == "delete":
    s3.delete_object(Bucket=bucket, Key=args[0])
elif op == "list":
    print("\n".join(names(args[0])))
elif op == "presignGet":
    print(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": args[0]}))
elif op == "presignPut":
    print(s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": args[0]}))
elif op == "presignPost":
    print(json.dumps(s3.generate_presigned_post(bucket, args[0])))
elif op == "versions":
    answer = s3.list_object_versions(Bucket=bucket, Prefix=args[0])
    for v in answer.get("Versions", []) + answer.get("DeleteMarkers", []):
        print(v["VersionId"])
elif op == "getVersion":
    s3.download_file(bucket, args[0], args[2], ExtraArgs={"VersionId": args[1]})
elif op == "deleteVersion":
    s3.delete_object(Bucket=bucket, Key=args[0], VersionId=args[1])
elif op == "retention":
    print(*s3.get_object_retention(Bucket=bucket, Key=args[0])["Retention"].values())
elif op == "hold":
    for status in "ON", "OFF":
        s3.put_object_legal_hold(Bucket=bucket, Key=args[0], LegalHold={"Status": status})
        print(s3.get_object_legal_hold(Bucket=bucket, Key=args[0])["LegalHold"]["Status"])
elif op == "settings":
    print(s3.get_bucket_versioning(Bucket=bucket)["Status"])
    print(s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]["Rule"]["DefaultRetention"])
else:
    sys.exit("no operation " + op)
