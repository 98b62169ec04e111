//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// providerMetrics returns what the provider serves at /metrics.
func providerMetrics(t *testing.T) string {
	t.Helper()

	return mustKubectl(t, "", "get", "--raw",
		"/api/v1/namespaces/crossplane-system/pods/"+pod(t, "provider", "provider-minio").Name+":8080/proxy/metrics")
}

// metric returns the value of the first metric whose name and labels match a regular
// expression, and reports whether there is one.
func metric(t *testing.T, text, expression string) (value float64, found bool) {
	t.Helper()

	m := regexp.MustCompile(`(?m)^` + expression + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}

	value, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}

	return value, true
}

// TestMetrics checks that calls to the server are counted by operation, and that the
// size of a bucket is reported once the server has counted it.
func TestMetrics(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "measured")
	create(t, b)

	u := newUser(ns, "measured", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadWrite})
	create(t, u)
	waitAvailable(t, b)
	waitAvailable(t, u)

	if err := put(t.Context(), admin.S3, b.Name, "photo"); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		// A bucket that is not empty is not deleted.
		if err := remove(context.Background(), admin.S3, b.Name, "photo"); err != nil {
			t.Error(err)
		}
	})

	text := providerMetrics(t)
	for _, operation := range []string{"admin:add-user", "admin:user-info", "admin:info", "s3:CreateBucket", "admin:export-bucket-metadata"} {
		for _, name := range []string{"cistern_minio_requests_total", "cistern_minio_request_duration_seconds_count"} {
			if n, found := metric(t, text, name+`\{operation="`+operation+`",outcome="ok"\}`); !found || n < 1 {
				t.Errorf("want calls of %s to be counted in %s, got %g", operation, name, n)
			}
		}
	}

	if strings.Contains(text, `operation="s3:other"`) || strings.Contains(text, `operation="admin:other"`) {
		t.Error("want each call to have the name of its operation, got calls of operation other")
	}

	// The server's scanner has to count the objects, and then the provider to query the counts.
	labels := fmt.Sprintf(`\{bucket=%q,name=%q,namespace=%q\}`, b.Name, b.Name, ns)
	seen := func() (bytes, objects float64, found bool) {
		text := providerMetrics(t)
		bytes, found = metric(t, text, `cistern_bucket_size_bytes`+labels)
		objects, _ = metric(t, text, `cistern_bucket_objects`+labels)

		return bytes, objects, found
	}

	deadline := time.Now().Add(4 * time.Minute)
	for bytes, objects, _ := seen(); bytes != float64(len("some text")) || objects != 1; bytes, objects, _ = seen() {
		if time.Now().After(deadline) {
			t.Fatalf("want the size of %s to be reported, got %g bytes, %g objects", b.Name, bytes, objects)
		}

		time.Sleep(time.Second)
	}
}

// TestRemovedBucketIsRecreated removes a bucket on the server. It checks that the next
// query of bucket sizes notices, long before the next poll, and the bucket is created
// again.
func TestRemovedBucketIsRecreated(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "vanishing")
	create(t, b)
	waitAvailable(t, b)

	labels := fmt.Sprintf(`\{bucket=%q,name=%q,namespace=%q\}`, b.Name, b.Name, ns)
	deadline := time.Now().Add(4 * time.Minute)

	until := func(what string, done func() bool) {
		t.Helper()

		for !done() {
			if time.Now().After(deadline) {
				t.Fatalf("waited too long for %s", what)
			}

			time.Sleep(time.Second)
		}
	}

	until("the size of the bucket to be reported", func() bool {
		_, found := metric(t, providerMetrics(t), `cistern_bucket_size_bytes`+labels)
		return found
	})

	if err := admin.S3.RemoveBucket(t.Context(), b.Name); err != nil {
		t.Fatal(err)
	}

	until("the bucket to be created again", func() bool {
		exists, err := admin.S3.BucketExists(t.Context(), b.Name)
		return err == nil && exists
	})
}
