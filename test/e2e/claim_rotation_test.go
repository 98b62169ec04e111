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

// rotate changes the rotation trigger of a claim, and waits until the claim's Secret
// holds another key than before.
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
			return errors.New("it holds the same key")
		}

		return nil
	})

	return after
}

// TestClaimRotation writes objects during three rotations. The writer reads its key
// from the claim's Secret as a pod does that mounts it: some time after a change. The
// test checks that no write fails.
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

		// Give the writer time to use the new key.
		time.Sleep(2 * time.Second)
	}

	stop()
	done.Wait()

	t.Logf("%d objects were written through three rotations", written)

	if failed != nil || written < 20 {
		t.Errorf("want at least 20 writes and no error, got %d and %v", written, failed)
	}

	last := keys[len(keys)-1]

	for i, old := range keys[:len(keys)-1] {
		s3 := tenantClient(t, old)
		await.For(t, fmt.Sprintf("key %d to end with its overlap", i), func() error {
			if _, err := list(t.Context(), s3, old.Spec.BucketName); err == nil {
				return errors.New("the key works")
			}

			return nil
		})
	}

	if err := put(t.Context(), tenantClient(t, last), last.Spec.BucketName, "new"); err != nil {
		t.Errorf("the last key no longer works after the earlier ones ended: %v", err)
	}
}

// writeUntilDone writes objects until ctx is done or a write fails, and returns their
// number. It reads the key from the claim's Secret again every second.
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

// TestClaimRotationStatus checks that a claim's status shows its current keys and their
// next rotation, that both Secrets hold the same key, and that nothing is written once
// the claim is ready, in whatever units its quota and durations are written.
func TestClaimRotationStatus(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "shown", `{quota: 1024Mi, rotation: {interval: 24h, overlap: 60m}, users: {alice: {readonly: true}}}`)

	before := waitReady(t, ns, "shown")
	alice := getClaim(t, ns, "shown").Status.Credentials[1].AccessKeyID
	after := rotate(t, ns, "shown", "now", "60m", before)

	// The trigger rotates alice's key too, independently of the claim's own.
	await.For(t, "the status to show the new keys", func() error {
		status := getClaim(t, ns, "shown").Status.Credentials
		if len(status) != 2 || status[0].User != "" || status[1].User != "alice" {
			return fmt.Errorf("want the claim's own credentials and then alice's, got %+v", status)
		}

		if got := status[0]; got.AccessKeyID != after.Spec.SecretS3.AccessKeyID || got.RotatedAt == nil || got.NextRotationAt == nil ||
			got.NextRotationAt.Sub(got.RotatedAt.Time).Round(time.Minute) != 24*time.Hour {
			return fmt.Errorf("want key %s, and the next one a day later, got %+v", after.Spec.SecretS3.AccessKeyID, got)
		}

		if status[1].AccessKeyID == alice {
			return fmt.Errorf("alice still has key %s", alice)
		}

		return nil
	})
	waitReady(t, ns, "shown")

	s := &corev1.Secret{}
	if err := kube.Get(t.Context(), types.NamespacedName{Namespace: ns, Name: "bucket-shown-credentials"}, s); err != nil {
		t.Fatal(err)
	}

	for _, key := range []string{
		miniov1alpha1.ConnectionKeyAccessKeyID, miniov1alpha1.ConnectionKeyCozystackAccessKey, miniov1alpha1.ConnectionKeyCOSIAccessKeyID,
	} {
		if string(s.Data[key]) != after.Spec.SecretS3.AccessKeyID {
			t.Errorf("Secret %s: %s is not the access key ID of BucketInfo", s.Name, key)
		}
	}

	for _, key := range []string{
		miniov1alpha1.ConnectionKeyAWSFile, miniov1alpha1.ConnectionKeyVeleroFile, miniov1alpha1.ConnectionKeyRcloneFile,
		miniov1alpha1.ConnectionKeyS3cmdFile, miniov1alpha1.ConnectionKeyMCHost,
	} {
		if !strings.Contains(string(s.Data[key]), after.Spec.SecretS3.AccessKeyID) {
			t.Errorf("Secret %s: %s does not hold the access key ID of BucketInfo", s.Name, key)
		}
	}

	waitNoWrites(t, ns, 5*time.Second)
}

// TestClaimRotationBySchedule checks that the claim's Secret holds the next key soon
// after the rotation is due, although Crossplane does not watch the connection Secret.
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
			return errors.New("it holds the same key")
		}

		return nil
	})

	if _, err := list(t.Context(), tenantClient(t, after), after.Spec.BucketName); err != nil {
		t.Errorf("the next key does not work: %v", err)
	}
}
