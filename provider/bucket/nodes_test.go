package bucket

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/cistern-dev/cistern/provider/minio"
)

// TestListMoreUploadsThanCanBeRead has a server list uploads without an end. It expects the first
// ones, whole and in order: they are to be aborted, or to be reported as what a bucket holds.
func TestListMoreUploadsThanCanBeRead(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "1")

		if !r.URL.Query().Has("uploads") {
			_, _ = io.WriteString(w, "<ListVersionsResult></ListVersionsResult>")

			return
		}

		_, err := io.WriteString(w, "<ListMultipartUploadsResult><EncodingType>url</EncodingType>")
		for i := 0; err == nil; i++ {
			_, err = fmt.Fprintf(w, "<Upload><Key>a%%2F%d</Key><UploadId>id-%d</UploadId></Upload>", i, i)
		}
	}))
	t.Cleanup(srv.Close)

	s, err := minio.New(minio.Config{Endpoint: srv.URL, AccessKey: "admin", SecretKey: "do-not-show-me"})
	if err != nil {
		t.Fatal(err)
	}

	got, err := newS3(s).ListMultipartUploads(t.Context(), "photos", "", "", "", "", maxUploads)
	if err != nil || !got.IsTruncated || len(got.Uploads) <= maxUploads {
		t.Fatalf("ListMultipartUploads(...): want the first uploads, got %d, truncated %t, %v", len(got.Uploads), got.IsTruncated, err)
	}

	for i, u := range got.Uploads {
		if key, id := fmt.Sprintf("a/%d", i), fmt.Sprintf("id-%d", i); u.Key != key || u.UploadID != id {
			t.Fatalf("want upload %q of %q, got %q of %q", id, key, u.UploadID, u.Key)
		}
	}

	c, err := ListContents(t.Context(), s, "photos")
	if err != nil || c.Empty() || !c.More {
		t.Errorf("ListContents(...): want uploads, and more than were counted, got %v, %v", c, err)
	}
}

// TestAbortedUploadsAreBounded expects one reconcile to abort a bounded number of uploads: other
// tenants' buckets wait meanwhile.
func TestAbortedUploadsAreBounded(t *testing.T) {
	f := &fakeServer{t: t}
	for i := range maxUploads + 5 {
		f.uploads = append(f.uploads, miniogo.ObjectMultipartInfo{Key: fmt.Sprint(i)})
	}

	if err := abortUploads(t.Context(), f, "photos", slices.Clone(f.uploads)); err != nil || len(f.uploads) != 5 {
		t.Errorf("abortUploads(...): want 5 uploads to be left, got %d, %v", len(f.uploads), err)
	}
}
