//go:build e2e

package component

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/tags"
	kresource "k8s.io/apimachinery/pkg/api/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestTagsOfOthers tags a bucket that the provider does not manage. The quota of a bucket that
// holds an object can be changed nevertheless, and the metrics know the bucket's size.
func TestTagsOfOthers(t *testing.T) {
	const (
		text  = "some text"
		other = "tagged-by-others"
	)

	s3 := env.Server.S3

	if err := s3.MakeBucket(t.Context(), other, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = s3.RemoveBucket(context.Background(), other) })

	set, err := tags.MapToBucketTags(map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}

	if err := s3.SetBucketTagging(t.Context(), other, set); err != nil {
		t.Fatal(err)
	}

	p := startProvider(t)
	b := newBucket(newNamespace(t), "measured")
	b.Spec.ForProvider.Quota = new(kresource.MustParse("1Gi"))
	b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge
	create(t, b)
	await.For(t, "the Bucket to be ready", func() error { return settled(t.Context(), b) })

	if _, err := s3.PutObject(t.Context(), b.Name, "object", strings.NewReader(text), int64(len(text)), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Quota = new(kresource.MustParse("2Gi")) })
	await.For(t, "the quota to change", func() error {
		if err := settled(t.Context(), b); err != nil {
			return err
		}

		return serves(t.Context(), b.Name, map[string]string{"quota": "2147483648"})
	})

	await.For(t, "the server to count the object", func() error { return counted(t.Context(), b.Name, len(text)) })

	// A provider measures all buckets when it starts, and then once a minute.
	p.Kill()
	p = startProvider(t)

	want := fmt.Sprintf("cistern_bucket_size_bytes{bucket=%q,name=%q,namespace=%q} %d\n", b.Name, b.Name, b.Namespace, len(text))

	await.For(t, "the metrics to know the size", func() error {
		got, err := p.metricsText(t.Context())
		if err == nil && !strings.Contains(got, want) {
			return fmt.Errorf("want %s", want)
		}

		return err
	})

	if err := env.Kube.Delete(t.Context(), b); err != nil {
		t.Error(err)
	}

	await.Gone(t, env.Kube, b)
}

// counted returns an error unless the server's scanner has counted what a bucket holds. It
// decodes the answer itself: the SDK cannot, because a bucket has tags.
func counted(ctx context.Context, bucket string, size int) error {
	rsp, err := env.Server.ExecuteMethod(ctx, http.MethodGet, madmin.RequestData{RelPath: "/v3/accountinfo"})
	if err != nil {
		return err
	}
	defer rsp.Body.Close()

	var account struct {
		Buckets []struct {
			Name string `json:"name"`
			Size int    `json:"size"`
		} `json:"Buckets"`
	}

	if err := json.NewDecoder(rsp.Body).Decode(&account); err != nil {
		return fmt.Errorf("cannot read the server's answer: %w", err)
	}

	for _, b := range account.Buckets {
		if b.Name == bucket && b.Size == size {
			return nil
		}
	}

	return fmt.Errorf("the %d bytes of bucket %q are not counted", size, bucket)
}

// metricsText returns the provider's metrics.
func (p *Provider) metricsText(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.metrics+"/metrics", nil)
	if err != nil {
		return "", err
	}

	rsp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("cannot read the provider's metrics: %w", err)
	}
	defer rsp.Body.Close()

	text, err := io.ReadAll(rsp.Body)

	return string(text), err
}
