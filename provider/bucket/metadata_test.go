package bucket

import (
	"archive/zip"
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cistern-dev/cistern/provider/minio"
)

// export returns the archive in which a server exports a bucket's metadata.
func export(t testing.TB, bucket string, m metadata) []byte {
	t.Helper()

	var b bytes.Buffer

	w := zip.NewWriter(&b)

	for name, content := range m {
		f, err := w.Create(bucket + "/" + name)
		if err == nil {
			_, err = f.Write(content)
		}

		if err != nil {
			t.Fatal(err)
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return b.Bytes()
}

func TestParseExport(t *testing.T) {
	got, err := minio.ParseExport(export(t, "photos", files()), isSettingFile)
	if err != nil {
		t.Fatalf("ParseExport(...): %v", err)
	}

	if diff := cmp.Diff(map[string]minio.BucketFiles{"photos": minio.BucketFiles(files())}, got); diff != "" {
		t.Errorf("ParseExport(...): -want, +got:\n%s", diff)
	}

	got, err = minio.ParseExport(export(t, "photos", metadata{"other.xml": []byte("a")}), isSettingFile)
	if diff := cmp.Diff(map[string]minio.BucketFiles{"photos": {}}, got); diff != "" || err != nil {
		t.Errorf("ParseExport(...): want a file that holds no setting to be left out: %v, -want, +got:\n%s", err, diff)
	}

	if _, err := minio.ParseExport([]byte("nonsense"), isSettingFile); err == nil {
		t.Error("ParseExport(...): want an error")
	}
}

// FuzzMetadata expects any answer of a server to be compared or to be an error, without
// a panic.
func FuzzMetadata(f *testing.F) {
	for name, content := range files() {
		f.Add(name, content)
	}

	f.Add("archive", export(f, "photos", files()))

	f.Fuzz(func(_ *testing.T, name string, content []byte) {
		b := newBucket()
		b.Spec.ForProvider = parameters()
		_, _ = drifted(b, metadata{name: content})
		_, _ = minio.ParseExport(content, isSettingFile)
		_ = metadata{name: content}.locking()
	})
}
