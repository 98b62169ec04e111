package upjet

import (
	"cmp"
	"context"
	stderrors "errors"
	"fmt"
	"slices"
	"strings"

	tfminio "github.com/aminueza/terraform-provider-minio/v2/minio"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/minio/madmin-go/v3"
	"github.com/minio/minio-go/v7/pkg/notification"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/crossplane/upjet/v2/pkg/config"

	"github.com/cistern-dev/cistern/provider/minio"
)

// clients are a server's, as the Terraform provider takes them.
type clients = tfminio.S3MinioClient

// guard puts right what a resource of the Terraform provider does wrong. All of
// them get a guard that turns a panic into an error.
type guard struct {
	// present reads the resource in place of its own Read, where that can say no
	// more than whether it is there, and says so wrongly.
	present func(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error)
	// absent tells after its own Read, which failed with err if that is not nil,
	// whether it is gone, or reads as if it were there without being so.
	absent func(d *schema.ResourceData, err error) bool
	// check looks at the arguments before they are sent.
	check func(d *schema.ResourceData) error
	// same tells, of a field by its Terraform path, which values mean the same.
	same map[string]schema.SchemaDiffSuppressFunc
	// remove takes the place of its own Delete.
	remove func(ctx context.Context, c *clients, d *schema.ResourceData) error
}

// operation is one of the functions of a Terraform resource.
type operation = func(context.Context, *schema.ResourceData, any) diag.Diagnostics

// wrap puts the guard around a resource.
func (g guard) wrap(r *schema.Resource) *schema.Resource {
	for path, same := range g.same {
		config.GetSchema(r, path).DiffSuppressFunc = same
	}

	read := r.ReadContext

	switch {
	case g.present != nil:
		read = g.readPresence
	case g.absent != nil:
		read = g.readUnlessAbsent(r.ReadContext)
	}

	if g.remove != nil {
		r.DeleteContext = func(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
			return failed(ctx, g.remove(ctx, meta.(*clients), d)) //nolint:forcetypeassert // See setup.
		}
	}

	r.CreateContext = recovered(g.checked(r.CreateContext))
	r.ReadContext = recovered(read)
	r.DeleteContext = recovered(r.DeleteContext)

	if r.UpdateContext != nil {
		r.UpdateContext = recovered(g.checked(r.UpdateContext))
	}

	return r
}

func (g guard) readPresence(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	there, err := g.present(ctx, meta.(*clients), d) //nolint:forcetypeassert // See setup.
	if err == nil && !there {
		d.SetId("")
	}

	return failed(ctx, err)
}

func (g guard) readUnlessAbsent(read operation) operation {
	return func(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
		ctx, trouble := minio.CaptureErrors(ctx)

		diags := read(ctx, d, meta)

		var err error
		if diags.HasError() {
			err = cmp.Or(trouble.Err(), errUnknown)
		}

		if !g.absent(d, err) {
			return diags
		}

		d.SetId("")

		return nil
	}
}

// errUnknown is an error of which there is a text only.
var errUnknown = errors.New("unknown")

func (g guard) checked(op operation) operation {
	if g.check == nil {
		return op
	}

	return func(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
		if err := g.check(d); err != nil {
			return failed(ctx, &ownError{error: err, unsent: true})
		}

		return op(ctx, d, meta)
	}
}

// recovered returns an operation that fails where op would panic.
func recovered(op operation) operation {
	return func(ctx context.Context, d *schema.ResourceData, meta any) (diags diag.Diagnostics) {
		defer func() {
			// What was recovered may quote arguments, and one of them may be secret.
			if recover() != nil {
				diags = failed(ctx, ownErrorf("the Terraform provider cannot cope with spec.forProvider: compare it with the kind's documentation"))
			}
		}()

		return op(ctx, d, meta)
	}
}

// ownError is an error in a guard's own words, not a server's.
type ownError struct {
	error

	// unsent says that it is of arguments that were sent to nobody.
	unsent bool
}

// failed returns a guard's error in Terraform's terms, which hold the text only.
// Those of calls are reported as they are by the calls, see minio.ErrorCapture.
func failed(ctx context.Context, err error) diag.Diagnostics {
	if own, ok := stderrors.AsType[*ownError](err); ok {
		minio.Capture(ctx, own)
	}

	return diag.FromErr(err)
}

func ownErrorf(format string, args ...any) error {
	return &ownError{error: errors.Errorf(format, args...)}
}

// inGroup tells whether a user is a member of a group.
func inGroup(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	g, err := c.S3Admin.GetGroupDescription(ctx, text(d, "group_name"))
	if minio.IsNotFound(err) {
		return false, nil
	}

	return err == nil && slices.Contains(g.Members, text(d, "user_name")), err
}

// groupHolds tells whether a group holds a policy.
func groupHolds(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	g, err := c.S3Admin.GetGroupDescription(ctx, text(d, "group_name"))
	if minio.IsNotFound(err) {
		return false, nil
	}

	return err == nil && slices.Contains(strings.Split(g.Policy, ","), text(d, "policy_name")), err
}

// ldapGroupHolds tells whether a group of the directory holds a policy. The
// provider's own Read asks who holds the policy, and takes anybody for the group.
func ldapGroupHolds(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	e, err := c.S3Admin.GetLDAPPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Groups: []string{text(d, "group_dn")}})

	return err == nil && slices.ContainsFunc(e.GroupMappings, func(m madmin.GroupPolicyEntities) bool {
		return slices.Contains(m.Policies, text(d, "policy_name"))
	}), err
}

// ldapUserHolds tells whether a user of the directory holds a policy.
func ldapUserHolds(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	e, err := c.S3Admin.GetLDAPPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Users: []string{text(d, "user_dn")}})

	return err == nil && slices.ContainsFunc(e.UserMappings, func(m madmin.UserPolicyEntities) bool {
		return slices.Contains(m.Policies, text(d, "policy_name"))
	}), err
}

// noSuchKey is how MinIO says, in an answer that is none of an error, that the KMS
// does not have a key.
// Source: github.com/minio/minio, internal/kms, ErrKeyNotFound.
const noSuchKey = "key with given key ID does not exist"

// keyWorks tells whether the KMS has a key. The provider's own Read takes any
// error for a key that is not there.
func keyWorks(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	s, err := c.S3Admin.GetKeyStatus(ctx, d.Id())

	switch {
	case err != nil:
		return false, err
	case s.EncryptionErr == noSuchKey:
		return false, nil
	case s.EncryptionErr != "" || s.DecryptionErr != "":
		return false, ownErrorf("the KMS cannot use key %q: %s%s", d.Id(), s.EncryptionErr, s.DecryptionErr)
	}

	return true, nil
}

// withoutBucket tells that a bucket's setting is gone with the bucket, or is not
// set: MinIO answers for both, and the provider's own Read takes neither for absence.
func withoutBucket(setting string) func(*schema.ResourceData, error) bool {
	return func(d *schema.ResourceData, err error) bool {
		if err != nil {
			return minio.IsNotFound(err)
		}

		_, set := d.GetOk(setting)

		return !set
	}
}

// removeGroup removes an empty group. The provider's own Delete gives a group
// without policies the policy readonly, members and all, and leaves one that has
// members where it is without a word.
func removeGroup(ctx context.Context, c *clients, d *schema.ResourceData) error {
	err := c.S3Admin.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: d.Id(), IsRemove: true})

	switch {
	case minio.IsNotFound(err):
		return nil
	case minio.IsGroupNotEmpty(err):
		return ownErrorf("group %q has members: take them out, and it goes too", d.Id())
	}

	return err
}

// checkTier wants both halves of a key. A Secret that is not there reads as empty.
func checkTier(d *schema.ResourceData) error {
	for _, field := range []string{"access_key", "secret_key"} {
		if text(d, "minio_config.0."+field) == "" {
			return errors.New("spec.forProvider.minioConfig needs an accessKey, and a secretKeySecretRef to a key of a Secret that exists")
		}
	}

	return nil
}

// onePolicy wants the name of one policy. The server takes names with commas between
// them, and gives all of these; an attachment is about one, and would take none away.
func onePolicy(d *schema.ResourceData) error {
	if name := text(d, "policy_name"); strings.Contains(name, ",") {
		return errors.Errorf("spec.forProvider.policyName %q names more than one policy: make a resource for each", name)
	}

	return nil
}

// checkNotification wants rules that the provider sends: it leaves out those whose
// ARN it cannot parse, and a bucket without rules reads as one without notification.
func checkNotification(d *schema.ResourceData) error {
	n := d.Get("queue.#").(int) //nolint:forcetypeassert // A number of elements is one.
	if n == 0 {
		return errors.New("spec.forProvider.queue needs a rule: to tell nobody, delete the BucketNotification")
	}

	for i := range n {
		field := fmt.Sprintf("queue.%d.", i)

		if arn := text(d, field+"queue_arn"); !isARN(arn) {
			return errors.Errorf("spec.forProvider.queue[%d].queueArn is %q: write it as arn:minio:sqs::primary:webhook, with an ID and a type that mc admin info tells", i, arn)
		}

		if d.Get(field+"events.#") == 0 {
			return errors.Errorf("spec.forProvider.queue[%d].events needs an event, such as s3:ObjectCreated:*", i)
		}
	}

	return nil
}

func isARN(s string) bool {
	_, err := notification.NewArnFromString(s)

	return err == nil
}

// sameTarget tells that an ARN of no region is one of the server's, which says its
// own when it is asked.
func sameTarget(_, server, wanted string, _ *schema.ResourceData) bool {
	is, err := notification.NewArnFromString(server)
	if err != nil {
		return false
	}

	want, err := notification.NewArnFromString(wanted)
	if err != nil || want.Region != "" {
		return false
	}

	is.Region = ""

	return is == want
}

// text returns an argument that is a string.
func text(d *schema.ResourceData, path string) string { return fmt.Sprint(d.Get(path)) }
