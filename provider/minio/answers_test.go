package minio

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// record is the URL of a server whose answers are recorded. It must be new, with the
// administrator's key recordedKey and recordedSecret, and a KMS. CONTRIBUTING.md says how to
// start one.
var record = flag.String("record", "", "record the answers of the new server at this URL")

const (
	recordedKey    = "recorded-admin"
	recordedSecret = "recorded-admin-secret"
)

// recordedAnswer is an answer as a server sent it.
type recordedAnswer struct {
	Status    int    `json:"status"`
	RequestID string `json:"requestID,omitempty"`
	// Body may be binary or encrypted.
	Body []byte `json:"body,omitempty"`
}

// recording holds the answers of a release of the server to the calls of each case.
type recording struct {
	mu      sync.Mutex
	Answers map[string][]recordedAnswer `json:"answers"`
	// current is the case that runs, and next its next answer.
	current string
	next    int
}

// begin begins a case.
func (r *recording) begin(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.current, r.next = name, 0
}

// replay answers calls with what was recorded.
func (r *recording) replay(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()

	answers := r.Answers[r.current]
	if r.next >= len(answers) {
		w.WriteHeader(http.StatusTeapot)

		return
	}

	a := answers[r.next]
	r.next++

	if a.RequestID != "" {
		w.Header().Set("X-Amz-Request-Id", a.RequestID)
	}

	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// forward returns a handler that forwards calls to a server and records its answers.
func (r *recording) forward(t *testing.T, server string) http.Handler {
	t.Helper()

	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}

	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host
		},
		ModifyResponse: func(rsp *http.Response) error {
			body, err := io.ReadAll(rsp.Body)
			rsp.Body = io.NopCloser(newReader(body))

			r.mu.Lock()
			defer r.mu.Unlock()

			r.Answers[r.current] = append(r.Answers[r.current], recordedAnswer{
				Status: rsp.StatusCode, RequestID: rsp.Header.Get("X-Amz-Request-Id"), Body: body,
			})

			return err
		},
	}
}

// TestRecordedAnswers decodes what servers answered, in their own encoding, to every call whose
// answer the provider decodes. With -record it records the answers first.
func TestRecordedAnswers(t *testing.T) {
	if *record != "" {
		recordAnswers(t)
	}

	files, err := filepath.Glob("testdata/answers/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("want answers of two releases at least, got %d, %v", len(files), err)
	}

	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}

			r := &recording{}
			if err := json.Unmarshal(content, r); err != nil {
				t.Fatal(err)
			}

			srv := httptest.NewServer(http.HandlerFunc(r.replay))
			t.Cleanup(srv.Close)

			for _, c := range answerCases() {
				t.Run(c.name, func(t *testing.T) { c.run(t, r, srv.URL) })
			}
		})
	}
}

// undecoded are the operations of which the provider reads nothing but whether they succeeded.
var undecoded = []string{
	"admin:add-canned-policy", "admin:add-user", "admin:delete-service-account", "admin:remove-canned-policy",
	"admin:remove-user", "admin:revoke-tokens", "admin:set-bucket-quota", "admin:set-user-or-group-policy",
	"admin:set-user-status",
	"s3:AbortMultipartUpload", "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketEncryption",
	"s3:DeleteBucketLifecycleConfiguration", "s3:DeleteBucketPolicy", "s3:DeleteBucketTagging", "s3:DeleteObject",
	"s3:PutBucketEncryption", "s3:PutBucketLifecycleConfiguration", "s3:PutBucketPolicy", "s3:PutBucketTagging",
	"s3:PutBucketVersioning", "s3:PutObjectLockConfiguration",
}

// TestOperationsAreRecorded expects that no answer is decoded that is not recorded.
func TestOperationsAreRecorded(t *testing.T) {
	for _, o := range Operations {
		recorded := slices.ContainsFunc(answerCases(), func(c answerCase) bool { return c.name == o })

		if recorded == slices.Contains(undecoded, o) {
			t.Errorf("%s: want a case of answerCases, or a place among those undecoded", o)
		}
	}
}

// recordAnswers makes the calls of all cases on a real server and writes its answers.
func recordAnswers(t *testing.T) {
	t.Helper()

	r := &recording{Answers: make(map[string][]recordedAnswer)}
	srv := httptest.NewServer(r.forward(t, *record))
	t.Cleanup(srv.Close)

	s := newRecorded(t, *record, recordedKey, recordedSecret)
	prepareAnswers(t, s)

	for _, c := range answerCases() {
		c.run(t, r, srv.URL)
	}

	info, err := s.info(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}

	file := filepath.Join("testdata", "answers", info.Servers[0].Version[:len("2006-01-02")]+".json")
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(file, append(content, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newRecorded returns the clients of a server for a key.
func newRecorded(t *testing.T, endpoint, key, secret string) *Server {
	t.Helper()

	s, err := New(Config{Endpoint: endpoint, AccessKey: key, SecretKey: Secret(secret)})
	if err != nil {
		t.Fatal(err)
	}

	return s
}
