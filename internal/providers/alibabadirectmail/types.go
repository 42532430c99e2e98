package alibabadirectmail

import (
	"strings"

	"keyturn/internal/providers/lenient"
)

// response is every answer, in JSON or XML; an error has a Code and no Success.
type response struct {
	RequestID lenient.String `json:"RequestId" xml:"RequestId"`
	Code      string
	Success   lenient.Flag // the pages show true and "true"
}

// decode reads either format: JSON is asked for, XML is what the service falls back to.
func decode(body []byte) (response, error) {
	var r response
	if strings.HasPrefix(lenient.Plain(body), "<") {
		err := lenient.XML(body, &r)
		return r, err
	}
	err := lenient.JSON(body, &r)
	return r, err
}
