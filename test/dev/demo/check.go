package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

const (
	// timeout is how long a step waits for something to become true.
	timeout = time.Minute
	// interval is the time between two checks.
	interval = 20 * time.Millisecond
)

// waitReady waits until a tenant's claim is ready. If it does not become ready, the
// error holds the reason in the claim's status.
func (d *demo) waitReady(ctx context.Context, ns string) error {
	b := &tenantv1alpha1.Bucket{}

	err := wait(ctx, "the claim to be ready", func() (bool, error) {
		err := d.kube.Get(ctx, types.NamespacedName{Namespace: ns, Name: claim}, b)
		c := b.Status.GetCondition("Ready")

		// A condition of an earlier generation describes the claim before a change.
		return c.Status == corev1.ConditionTrue && c.ObservedGeneration == b.Generation, err
	})

	return errorf(err, "%s", b.Status.GetCondition(tenantv1alpha1.ConditionProvisioned).Message)
}

// wait calls done until it reports true without an error.
func wait(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	for {
		ok, err := done()
		if ok && err == nil {
			return nil
		}

		select {
		case <-ctx.Done():
			if err != nil {
				return fmt.Errorf("waited %s for %s: %w", timeout, what, err)
			}

			return fmt.Errorf("waited %s for %s", timeout, what)
		case <-time.After(interval):
		}
	}
}

// errorf adds to an error; it returns nil for none.
func errorf(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("%w: "+format, append([]any{err}, args...)...)
}

// wantObject returns an error unless an object holds a text.
func wantObject(ctx context.Context, s3 *miniogo.Client, bucket, key, want string) error {
	o, err := s3.GetObject(ctx, bucket, key, miniogo.GetObjectOptions{})
	if err != nil {
		return err
	}
	defer o.Close()

	got, err := io.ReadAll(o)
	if err == nil && string(got) != want {
		err = fmt.Errorf("it holds %q, not %q", got, want)
	}

	return err
}

// wantKeys returns an error unless a bucket holds exactly the objects of some keys.
func wantKeys(ctx context.Context, s3 *miniogo.Client, bucket string, want ...string) error {
	var got []string

	for o := range s3.ListObjects(ctx, bucket, miniogo.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}

		got = append(got, o.Key)
	}

	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("it holds %q, not %q", got, want)
	}

	return nil
}

// write writes an object.
func write(ctx context.Context, s3 *miniogo.Client, bucket string) error {
	_, err := s3.PutObject(ctx, bucket, key, bytes.NewReader([]byte(text)), int64(len(text)), miniogo.PutObjectOptions{})

	return err
}
