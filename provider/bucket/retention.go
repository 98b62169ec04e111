package bucket

import (
	"context"
	"encoding/xml"
	"fmt"
	"strings"

	miniogo "github.com/minio/minio-go/v7"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

type retentionS3 interface {
	SetObjectLockConfig(ctx context.Context, bucket string, mode *miniogo.RetentionMode, validity *uint, unit *miniogo.ValidityUnit) error
}

// retention means a mode and a duration, such as "GOVERNANCE 30 DAYS".
var retention = setting{
	field: "retention",
	file:  fileLocking,
	want: func(p *miniov1alpha1.BucketParameters) (string, bool) {
		if p.Retention == nil {
			return none, false
		}

		mode, validity, unit := lockConfig(p.Retention)

		return retentionMeans(mode, validity, unit), true
	},
	have: func(file []byte) (string, error) {
		l, err := parseLocking(file)
		if err != nil || l.Rule == nil {
			return none, err
		}

		r := l.Rule.DefaultRetention
		if r.Days != nil {
			return retentionMeans(r.Mode, *r.Days, miniogo.Days), nil
		}

		return retentionMeans(r.Mode, r.Years, miniogo.Years), nil
	},
	write: func(ctx context.Context, c clients, bucket string, p *miniov1alpha1.BucketParameters) error {
		mode, validity, unit := lockConfig(p.Retention)

		return c.s3.SetObjectLockConfig(ctx, bucket, &mode, &validity, &unit)
	},
	undo: func(ctx context.Context, c clients, bucket string) error {
		return c.s3.SetObjectLockConfig(ctx, bucket, nil, nil, nil)
	},
}

func retentionMeans(mode miniogo.RetentionMode, validity uint, unit miniogo.ValidityUnit) string {
	return fmt.Sprintf("%s %d %s", mode, validity, unit)
}

func lockConfig(r *miniov1alpha1.Retention) (mode miniogo.RetentionMode, validity uint, unit miniogo.ValidityUnit) {
	mode = miniogo.RetentionMode(strings.ToUpper(string(r.Mode)))

	switch {
	case r.Days != nil:
		return mode, uint(max(*r.Days, 0)), miniogo.Days
	case r.Years != nil:
		return mode, uint(max(*r.Years, 0)), miniogo.Years
	}

	return mode, 0, miniogo.Days
}

// locking is the server's configuration of object locking.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ObjectLockConfiguration.html.
type locking struct {
	Enabled string `xml:"ObjectLockEnabled"`
	Rule    *struct {
		DefaultRetention struct {
			Mode  miniogo.RetentionMode
			Days  *uint
			Years uint
		}
	}
}

func parseLocking(file []byte) (locking, error) {
	var l locking
	if len(file) == 0 {
		return l, nil
	}

	err := xml.Unmarshal(file, &l)

	return l, err
}

// locking reports whether objects of the bucket can be locked.
func (m metadata) locking() bool {
	l, err := parseLocking(m[fileLocking])

	return err == nil && l.Enabled == "Enabled"
}
