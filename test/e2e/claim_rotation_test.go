//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/clients"
)

// rotate asks for new keys of a claim and waits until its Secret holds another
// one than before.
func rotate(t *testing.T, ns, name, trigger, overlap string, before tenantv1alpha1.BucketInfo) tenantv1alpha1.BucketInfo {
	t.Helper()

	mustKubectl(t, "", "patch", "--namespace", ns, "bucket.apps.cozystack.io/"+name, "--type=merge",
		fmt.Sprintf(`--patch={"spec":{"rotation":{"trigger":%q,"overlap":%q}}}`, trigger, overlap))

	var after tenantv1alpha1.BucketInfo

	await.For(t, "the Secret to hold another key", func() error {
		var err error
		if after, err = clients.BucketInfo(t.Context(), kube, ns, name, ""); err != nil {
			return err
		}

		if after.Spec.SecretS3.AccessKeyID == before.Spec.SecretS3.AccessKeyID {
			return errors.New("it holds the same")
		}

		return nil
	})

	return after
}

// TestClaimRotation lets a writer write through three rotations: it takes its key
// from the claim's Secret like a pod does that has it mounted, some time after it
// changed, and not one of its requests may fail.
func TestClaimRotation(t *testing.T) {
	t.Parallel()

	const overlap = 20 * time.Second

	ns := newNamespace(t)
	applyClaim(t, ns, "busy", "{deletionPolicy: Delete}")

	keys := append(make([]tenantv1alpha1.BucketInfo, 0, 4), waitReady(t, ns, "busy"))

	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	var (
		written int
		failed  error
		done    sync.WaitGroup
	)

	done.Go(func() { written, failed = writeUntilDone(ctx, ns, "busy") })

	for i := range 3 {
		next := rotate(t, ns, "busy", fmt.Sprintf("round %d", i), overlap.String(), keys[len(keys)-1])
		if err := put(t.Context(), tenantClient(t, next), next.Spec.BucketName, "new"); err != nil {
			t.Errorf("the key of round %d does not work: %v", i, err)
		}

		keys = append(keys, next)

		// The writer gets to use it.
		time.Sleep(2 * time.Second)
	}

	stop()
	done.Wait()

	t.Logf("%d objects were written through three rotations", written)

	if failed != nil || written < 20 {
		t.Errorf("want every write to succeed, and many, got %d and %v", written, failed)
	}

	last := keys[len(keys)-1]

	for i, old := range keys[:len(keys)-1] {
		s3 := tenantClient(t, old)
		await.For(t, fmt.Sprintf("key %d to end with its overlap", i), func() error {
			if _, err := list(t.Context(), s3, old.Spec.BucketName); err == nil {
				return errors.New("it works")
			}

			return nil
		})
	}

	if err := put(t.Context(), tenantClient(t, last), last.Spec.BucketName, "new"); err != nil {
		t.Errorf("the last key went with those before it: %v", err)
	}
}

// writeUntilDone writes objects until the context ends, or a write fails, and returns
// how many there are. It looks for a new key now and then.
func writeUntilDone(ctx context.Context, ns, claim string) (int, error) {
	ctx, work := context.WithoutCancel(ctx), ctx

	var (
		read time.Time
		info tenantv1alpha1.BucketInfo
		s3   *miniogo.Client
	)

	for i := 0; ; i++ {
		if time.Since(read) > time.Second {
			var err error
			if info, err = clients.BucketInfo(ctx, kube, ns, claim, ""); err != nil {
				return i, err
			}

			if s3, err = clients.Tenant(plat, info); err != nil {
				return i, err
			}

			read = time.Now()
		}

		if err := put(ctx, s3, info.Spec.BucketName, fmt.Sprintf("written/%d", i)); err != nil {
			return i, err
		}

		select {
		case <-work.Done():
			return i, nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestClaimRotationStatus wants the claim to tell of its keys, both Secrets to hold
// the same one, and everything to stand still once it is ready, however quantities
// and durations are spelt.
func TestClaimRotationStatus(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "shown", `{quota: 1024Mi, rotation: {interval: 24h, overlap: 60m}, users: {alice: {readonly: true}}}`)

	before := waitReady(t, ns, "shown")
	alice := getClaim(t, ns, "shown").Status.Credentials[1].AccessKeyID
	after := rotate(t, ns, "shown", "now", "60m", before)

	// The status follows the Secrets, and alice's key rotates by itself.
	await.For(t, "the claim to tell of the new keys", func() error {
		status := getClaim(t, ns, "shown").Status.Credentials
		if len(status) != 2 || status[0].User != "" || status[1].User != "alice" {
			return fmt.Errorf("want the claim's own credentials and then alice's, got %+v", status)
		}

		if got := status[0]; got.AccessKeyID != after.Spec.SecretS3.AccessKeyID || got.RotatedAt == nil || got.NextRotationAt == nil ||
			got.NextRotationAt.Sub(got.RotatedAt.Time).Round(time.Minute) != 24*time.Hour {
			return fmt.Errorf("want key %s, and the next one a day later, got %+v", after.Spec.SecretS3.AccessKeyID, got)
		}

		if status[1].AccessKeyID == alice {
			return fmt.Errorf("alice still has %s", alice)
		}

		return nil
	})
	waitReady(t, ns, "shown")

	shapes := &corev1.Secret{}
	if err := kube.Get(t.Context(), types.NamespacedName{Namespace: ns, Name: "bucket-shown-credentials"}, shapes); err != nil {
		t.Fatal(err)
	}

	for _, key := range []string{miniov1alpha1.ConnectionKeyAccessKeyID, miniov1alpha1.ConnectionKeyCozystackAccessKey, miniov1alpha1.ConnectionKeyCOSIAccessKeyID} {
		if string(shapes.Data[key]) != after.Spec.SecretS3.AccessKeyID {
			t.Errorf("%s of the Secret in all shapes is of another key than BucketInfo's", key)
		}
	}

	for _, key := range []string{miniov1alpha1.ConnectionKeyAWSFile, miniov1alpha1.ConnectionKeyRcloneFile, miniov1alpha1.ConnectionKeyS3cmdFile} {
		if !strings.Contains(string(shapes.Data[key]), after.Spec.SecretS3.AccessKeyID) {
			t.Errorf("file %s of the Secret in all shapes is of another key than BucketInfo's", key)
		}
	}

	waitNoWrites(t, ns, 5*time.Second)
}

// TestClaimRotationBySchedule wants the Secret to hold the next key soon after it
// is due, though Crossplane does not watch the provider's Secret.
func TestClaimRotationBySchedule(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "scheduled", "{rotation: {interval: 1m, overlap: 30s}}")

	before := waitReady(t, ns, "scheduled")
	due := getClaim(t, ns, "scheduled").Status.Credentials[0].NextRotationAt

	if due == nil || time.Until(due.Time) > time.Minute {
		t.Fatalf("want the next key to be due within a minute, got %s", due)
	}

	time.Sleep(time.Until(due.Time))

	var after tenantv1alpha1.BucketInfo

	await.For(t, "the Secret to hold the next key", func() error {
		after = getBucketInfo(t, ns, "scheduled", "")
		if after.Spec.SecretS3.AccessKeyID == before.Spec.SecretS3.AccessKeyID {
			return errors.New("it holds the same")
		}

		return nil
	})

	if _, err := list(t.Context(), tenantClient(t, after), after.Spec.BucketName); err != nil {
		t.Errorf("the next key does not work: %v", err)
	}
}
