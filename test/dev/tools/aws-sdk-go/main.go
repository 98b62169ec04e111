// Command aws-sdk-go carries out one S3 operation with the AWS SDK for Go v2, as an
// application of a tenant would: aws-sdk-go OPERATION ARGUMENT...
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// program is one run.
type program struct {
	client *s3.Client
	bucket *string
	// args are the arguments of the operation; those that are missing are empty.
	args [3]string
}

// operations are the operations by their names.
var operations = map[string]func(p program, ctx context.Context) error{
	"put": program.put, "get": program.get, "head": program.head, "list": program.list,
	"copy": program.copy, "move": program.move, "delete": program.remove,
	"presignGet": program.presignGet, "presignPut": program.presignPut, "presignPost": program.presignPost,
	"versions": program.versions, "getVersion": program.getVersion, "deleteVersion": program.removeVersion,
	"retention": program.retention, "hold": program.hold, "settings": program.settings,
}

func main() {
	ctx := context.Background()

	cfg, err := config.LoadDefaultConfig(ctx)
	if err == nil {
		p := program{
			client: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
			bucket: aws.String(os.Getenv("BUCKET_NAME")),
		}
		copy(p.args[:], os.Args[2:])
		err = operations[os.Args[1]](p, ctx)
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (p program) put(ctx context.Context) error {
	f, err := os.Open(p.args[0])
	if err != nil {
		return err
	}
	defer f.Close()

	_, err = manager.NewUploader(p.client).Upload(ctx, &s3.PutObjectInput{Bucket: p.bucket, Key: &p.args[1], Body: f})

	return err
}

func (p program) get(ctx context.Context) error {
	return p.download(ctx, &s3.GetObjectInput{Bucket: p.bucket, Key: &p.args[0]}, p.args[1])
}

func (p program) getVersion(ctx context.Context) error {
	return p.download(ctx, &s3.GetObjectInput{Bucket: p.bucket, Key: &p.args[0], VersionId: &p.args[1]}, p.args[2])
}

func (p program) download(ctx context.Context, in *s3.GetObjectInput, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}

	_, err = manager.NewDownloader(p.client).Download(ctx, f, in)

	return errors.Join(err, f.Close())
}

func (p program) head(ctx context.Context) error {
	o, err := p.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: p.bucket, Key: &p.args[0]})
	if err != nil {
		return err
	}

	fmt.Println(aws.ToInt64(o.ContentLength))

	return nil
}

func (p program) list(ctx context.Context) error {
	pages := s3.NewListObjectsV2Paginator(p.client, &s3.ListObjectsV2Input{Bucket: p.bucket, Prefix: &p.args[0]})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}

		for _, o := range page.Contents {
			fmt.Println(*o.Key)
		}
	}

	return nil
}

func (p program) copy(ctx context.Context) error {
	// The SDK sends the source as it is.
	source := strings.ReplaceAll(url.PathEscape(*p.bucket+"/"+p.args[0]), "%2F", "/")
	_, err := p.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: p.bucket, Key: &p.args[1], CopySource: &source})

	return err
}

func (p program) move(ctx context.Context) error {
	if err := p.copy(ctx); err != nil {
		return err
	}

	return p.remove(ctx)
}

func (p program) remove(ctx context.Context) error {
	_, err := p.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: p.bucket, Key: &p.args[0]})
	return err
}

func (p program) removeVersion(ctx context.Context) error {
	_, err := p.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: p.bucket, Key: &p.args[0], VersionId: &p.args[1]})
	return err
}

func (p program) presignGet(ctx context.Context) error {
	r, err := s3.NewPresignClient(p.client).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: p.bucket, Key: &p.args[0]})
	if err != nil {
		return err
	}

	fmt.Println(r.URL)

	return nil
}

func (p program) presignPut(ctx context.Context) error {
	r, err := s3.NewPresignClient(p.client).PresignPutObject(ctx, &s3.PutObjectInput{Bucket: p.bucket, Key: &p.args[0]})
	if err != nil {
		return err
	}

	fmt.Println(r.URL)

	return nil
}

func (p program) presignPost(ctx context.Context) error {
	r, err := s3.NewPresignClient(p.client).PresignPostObject(ctx, &s3.PutObjectInput{Bucket: p.bucket, Key: &p.args[0]})
	if err != nil {
		return err
	}

	return json.NewEncoder(os.Stdout).Encode(map[string]any{"url": r.URL, "fields": r.Values})
}

func (p program) versions(ctx context.Context) error {
	out, err := p.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: p.bucket, Prefix: &p.args[0]})
	if err != nil {
		return err
	}

	for _, v := range out.Versions {
		fmt.Println(*v.VersionId)
	}

	for _, m := range out.DeleteMarkers {
		fmt.Println(*m.VersionId)
	}

	return nil
}

func (p program) retention(ctx context.Context) error {
	out, err := p.client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: p.bucket, Key: &p.args[0]})
	if err != nil {
		return err
	}

	fmt.Println(out.Retention.Mode, out.Retention.RetainUntilDate)

	return nil
}

// hold sets the legal hold of an object and prints it, then ends it and prints it.
func (p program) hold(ctx context.Context) error {
	for _, status := range []types.ObjectLockLegalHoldStatus{types.ObjectLockLegalHoldStatusOn, types.ObjectLockLegalHoldStatusOff} {
		if _, err := p.client.PutObjectLegalHold(ctx, &s3.PutObjectLegalHoldInput{
			Bucket: p.bucket, Key: &p.args[0], LegalHold: &types.ObjectLockLegalHold{Status: status},
		}); err != nil {
			return err
		}

		out, err := p.client.GetObjectLegalHold(ctx, &s3.GetObjectLegalHoldInput{Bucket: p.bucket, Key: &p.args[0]})
		if err != nil {
			return err
		}

		fmt.Println(out.LegalHold.Status)
	}

	return nil
}

// settings prints whether the bucket is versioned, and its default retention.
func (p program) settings(ctx context.Context) error {
	versioning, err := p.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: p.bucket})
	if err != nil {
		return err
	}

	lock, err := p.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: p.bucket})
	if err != nil {
		return err
	}

	fmt.Println(versioning.Status, lock.ObjectLockConfiguration.Rule.DefaultRetention.Mode)

	return nil
}
