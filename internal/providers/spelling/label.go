package spelling

import (
	"errors"
	"regexp"
	"strings"

	"keyturn/internal/rotation"
)

// mark begins the name of every identity that keyturn makes.
const mark = "kt-"

var (
	errOwner  = errors.New("a label is 1 to 24 of a-z, 0-9 and \"-\", and begins and ends with a letter or a digit")
	ownerForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$`)
	// partForm is what ends a name after its owner: two parts, so that no owner's names begin like another's.
	partForm = regexp.MustCompile(`^[0-9a-z]+-[0-9]+$`)
)

// CheckOwner is rotation.Overlapping.CheckOwner where names carry labels.
func CheckOwner(owner string) error {
	if !ownerForm.MatchString(owner) {
		return errOwner
	}
	return nil
}

// Label is the name of an identity with this label.
func Label(label rotation.Label) string { return prefix(label.Owner) + label.Part }

// Labelled reports whether a name, in any case, is of an identity that carries a label of owner; of one that has no owner
// where that is "".
func Labelled(name, owner string) bool {
	part, found := strings.CutPrefix(strings.ToLower(name), prefix(owner))
	return found && partForm.MatchString(part)
}

func prefix(owner string) string {
	if owner == "" {
		return mark
	}
	return mark + owner + "-"
}
