package bucket

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cistern-dev/cistern/provider/minio"
)

// TestRecordedExport decodes the metadata of a bucket with all settings as servers sent it. The
// answers, and how they were recorded, are those of package minio.
func TestRecordedExport(t *testing.T) {
	files, err := filepath.Glob("../minio/testdata/answers/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("want answers of two releases at least, got %d, %v", len(files), err)
	}

	want := map[string]string{
		versioning.field:      "Enabled",
		retention.field:       "GOVERNANCE 30 DAYS",
		quota.field:           "1073741824",
		lifecycleRules.field:  "\"\" expire 0 noncurrent 3\n\"a/\" expire 7 noncurrent 0",
		bucketTags.field:      "cost=b&team=a",
		encryption.field:      "AES256",
		anonymousAccess.field: "Download",
	}

	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}

			recording := struct {
				Answers map[string][]struct{ Body []byte }
			}{}
			if err := json.Unmarshal(content, &recording); err != nil {
				t.Fatal(err)
			}

			all, err := minio.ParseExport(recording.Answers["admin:export-bucket-metadata"][0].Body, isSettingFile)
			if err != nil {
				t.Fatal(err)
			}

			m, got := metadata(all["answers"]), make(map[string]string)

			for _, s := range allSettings() {
				if got[s.field], err = s.have(m[s.file]); err != nil {
					t.Errorf("%s: %v", s.field, err)
				}
			}

			if diff := cmp.Diff(want, got); diff != "" || !m.locking() {
				t.Errorf("locking %t, -want, +got:\n%s", m.locking(), diff)
			}
		})
	}
}
