package minio

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
)

// endless answers with a beginning and then with repetitions of an item, until the client hangs up.
// It sends what it sent in all to sent.
func endless(t *testing.T, status int, begin, item string) (s *Server, sent <-chan int64) {
	t.Helper()

	sizes, items := make(chan int64, 1), bytes.Repeat([]byte(item), 1+(64<<10)/len(item))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "1")
		w.WriteHeader(status)

		_, err := io.WriteString(w, begin)

		var size int64
		for err == nil {
			var n int

			n, err = w.Write(items)
			size += int64(n)
		}

		sizes <- size
	}))
	t.Cleanup(srv.Close)

	s, err := New(Config{Endpoint: srv.URL, AccessKey: "admin", SecretKey: "do-not-show-me"})
	if err != nil {
		t.Fatal(err)
	}

	return s, sizes
}

// TestEndlessAnswers has calls answered without an end. It expects each to fail after a bounded
// part of the answer: the SDKs keep all of it in memory.
func TestEndlessAnswers(t *testing.T) {
	cases := map[string]struct {
		status      int
		begin, item string
		call        func(ctx context.Context, s *Server) error
		large       bool
		max         int64
	}{
		"Uploads": {
			begin: "<ListMultipartUploadsResult>", item: "<Upload><Key>a</Key><UploadId>b</UploadId></Upload>",
			call: func(ctx context.Context, s *Server) error {
				_, err := (miniogo.Core{Client: s.S3()}).ListMultipartUploads(ctx, "photos", "", "", "", "", 1)

				return err
			},
			large: true, max: maxUploads,
		},
		"Policy": {
			item: " ",
			call: func(ctx context.Context, s *Server) error {
				_, err := s.Admin.InfoCannedPolicyV2(ctx, "policy")

				return err
			},
			large: true, max: maxAnswer,
		},
		"Error": {
			status: http.StatusForbidden, item: " ",
			call: func(ctx context.Context, s *Server) error {
				return s.Admin.RemoveUser(ctx, "user")
			},
			large: true, max: maxErrorBody,
		},
		"Health": {
			item: " ",
			call: func(ctx context.Context, s *Server) error { return s.Check(ctx) },
			max:  maxInfo,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.status == 0 {
				tc.status = http.StatusOK
			}

			s, sent := endless(t, tc.status, tc.begin, tc.item)

			err := tc.call(t.Context(), s)
			if err == nil || IsTooLarge(err) != tc.large {
				t.Errorf("want an error, that of an answer which is too large: %t, got %v", tc.large, err)
			}

			// Buffers of the connection may hold some more.
			if got := <-sent; got > tc.max+8<<20 {
				t.Errorf("want at most %d bytes to be read, the server sent %d", tc.max, got)
			}
		})
	}
}

// TestRedirections expects no call to follow a redirection: it would lead wherever the server, or
// what answers for it, wants.
func TestRedirections(t *testing.T) {
	reached := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached++

		w.Header().Set("X-Amz-Request-Id", "1")
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(other.Close)

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "1")
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(srv.Close)

	s, err := New(Config{Endpoint: srv.URL, AccessKey: "admin", SecretKey: "do-not-show-me"})
	if err != nil {
		t.Fatal(err)
	}

	for name, call := range map[string]func() error{
		"Check":           func() error { return s.Check(t.Context()) },
		"AddUser":         func() error { return s.Admin.AddUser(t.Context(), "user", "secret-of-user") },
		"AddCannedPolicy": func() error { return s.Admin.AddCannedPolicy(t.Context(), "policy", []byte("{}")) },
		"MakeBucket":      func() error { return s.S3().MakeBucket(t.Context(), "photos", miniogo.MakeBucketOptions{}) },
		"Locate":          func() error { return s.Locate(t.Context(), srv.URL, "key", "secret", "photos") },
	} {
		if err := call(); err == nil || reached > 0 {
			t.Errorf("%s: want an error and no call elsewhere, got %v and %d calls", name, err, reached)
		}

		reached = 0
	}

	if s.Health() != NoAdminAPI {
		t.Errorf("Check(...): want %q, got %q", NoAdminAPI, s.Health())
	}
}

// TestReadExportIsBounded expects an archive whose files are small one by one, and large together,
// not to be unpacked.
func TestReadExportIsBounded(t *testing.T) {
	const limit = 1 << 20

	archive := func(files int) io.ReadCloser {
		var b bytes.Buffer

		w := zip.NewWriter(&b)

		for i := range files {
			f, err := w.Create(string(rune('a'+i)) + "/quota.json")
			if err != nil {
				t.Fatal(err)
			}

			if _, err := f.Write(make([]byte, limit)); err != nil {
				t.Fatal(err)
			}
		}

		if err := w.Close(); err != nil {
			t.Fatal(err)
		}

		return io.NopCloser(&b)
	}

	for files, want := range map[int]bool{unpackedShare: true, unpackedShare + 1: false} {
		if all, err := ReadExport(archive(files), limit, func(string) bool { return true }); (err == nil) != want {
			t.Errorf("ReadExport(...) of %d files: want success %t, got %d and %v", files, want, len(all), err)
		}
	}
}
