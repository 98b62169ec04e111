package bucket

import (
	"context"
	"slices"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// A setting is one row of the table of bucket settings: a field of spec.forProvider that
// can change after the bucket was created. To add one, add
//
//   - its field to BucketParameters in apis/minio/v1alpha1, whose comment gives the unit, the
//     default, and what happens when the field is removed;
//   - a file to this package, such as tags.go, that declares the setting, and an interface
//     of the S3 calls that it makes, to be embedded in settingsS3;
//   - the setting to allSettings.
//
// The rest follows from the table. One export of the bucket's metadata shows all settings.
// A setting that is in the spec is written if its desired and its observed meaning differ:
// it has drifted. A setting that was removed from the spec is undone, if the resource had
// set it; so is one that the spec sets to nothing, such as an empty list, by whichever client
// it was set. Any other is left alone. The settings that the resource has set are recorded in
// the status.
//
// The meaning of a setting is a text. want renders it from the spec, and have renders it in
// the same words from what the server has. So two settings that mean the same have the
// same text, however they are written: their order, the names of rules, or the form of a
// key make no difference.
type setting struct {
	// field is the setting's field in spec.forProvider.
	field string
	// file is the file of the bucket's metadata in which the server keeps the setting.
	file string
	// want returns the desired meaning, which is none if the field is not set or is set to
	// nothing. It reports whether the field is set.
	want func(p *miniov1alpha1.BucketParameters) (meaning string, set bool)
	// have returns the meaning of a file, which is empty if the bucket has none.
	have func(file []byte) (meaning string, err error)
	// write sets the setting to the desired state. It is called only if the field is set, and
	// does not mean none.
	write func(ctx context.Context, c clients, bucket string, p *miniov1alpha1.BucketParameters) error
	// undo removes the setting from the bucket.
	undo func(ctx context.Context, c clients, bucket string) error
	// undone reports whether a bucket with this meaning and metadata has nothing to
	// undo. If it is nil, that is so if the meaning is none.
	undone func(meaning string, m metadata) bool
}

const (
	// none is the meaning of a setting that a bucket does not have.
	none = ""
	// foreign is the meaning of what this package never writes. It differs from all that
	// a spec can ask for.
	foreign = "something else"
)

// clients are the clients that settings are written with.
type clients struct {
	s3     settingsS3
	admin  admin
	server usageServer
}

// settingsS3 is the part of the S3 client that the settings use.
type settingsS3 interface {
	versioningS3
	retentionS3
	lifecycleS3
	tagsS3
	encryptionS3
	anonymousS3
	quotaS3
}

// allSettings returns the settings in the order in which they are written: retention and
// the expiry of noncurrent versions need versioning.
func allSettings() []setting {
	return []setting{versioning, retention, quota, lifecycleRules, bucketTags, encryption, anonymousAccess}
}

// wanted returns the fields that are set, sorted.
func wanted(p *miniov1alpha1.BucketParameters) []string {
	var fields []string

	for _, s := range allSettings() {
		if s.isSet(p) {
			fields = append(fields, s.field)
		}
	}

	slices.Sort(fields)

	return fields
}

// drift is the settings of a bucket to write or to undo, in the order of allSettings.
type drift []setting

// includes reports whether a setting has drifted.
func (d drift) includes(s setting) bool {
	return slices.ContainsFunc(d, func(other setting) bool { return other.field == s.field })
}

// drifted returns the settings to write and those to undo. A setting is to be written if
// it is set and means something else on the server. It is to be undone if the resource
// once set it, no longer does, and the bucket still has it. All others are left alone.
func drifted(b *miniov1alpha1.Bucket, m metadata) (drift, error) {
	var d drift

	for _, s := range allSettings() {
		want, set := s.want(&b.Spec.ForProvider)
		managed := slices.Contains(b.Status.AtProvider.ManagedSettings, s.field)

		// A setting that is not the resource's may have any content.
		if !set && !managed {
			continue
		}

		have, err := s.have(m[s.file])
		if err != nil {
			return nil, errors.Wrapf(err, "cannot parse %s of bucket %q as the server has it", s.field, Name(b))
		}

		switch {
		case set && want != have:
			d = append(d, s)
		case !set && !s.isUndone(have, m):
			d = append(d, s)
		}
	}

	return d, nil
}

// isSet reports whether the spec sets the setting.
func (s setting) isSet(p *miniov1alpha1.BucketParameters) bool {
	_, set := s.want(p)

	return set
}

// isUndone reports whether there is nothing to undo on a bucket where the setting has this
// meaning.
func (s setting) isUndone(have string, m metadata) bool {
	if s.undone != nil {
		return s.undone(have, m)
	}

	return have == none
}

// apply writes the setting if the spec sets it to anything, and undoes it otherwise.
func (s setting) apply(ctx context.Context, c clients, b *miniov1alpha1.Bucket) error {
	name := Name(b)
	if want, _ := s.want(&b.Spec.ForProvider); want == none {
		return errors.Wrapf(s.undo(ctx, c, name), "cannot undo %s of bucket %q", s.field, name)
	}

	return errors.Wrapf(s.write(ctx, c, name, &b.Spec.ForProvider), "cannot set %s of bucket %q", s.field, name)
}
