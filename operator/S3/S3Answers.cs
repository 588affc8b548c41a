using System.Net;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Slipway.S3;

/// <summary>
/// What AWSSDK would pass over in an answer: it signs a request anew for whatever host it is redirected to, takes a bucket that is
/// not there for one without rules, an HTML page for an empty answer, and reads of a rule what it knows, so that the rest would
/// be gone with the next write.
/// </summary>
internal sealed class S3Answers(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int MaxRules = 4 * 1024 * 1024;

    private const string Operation = "GET lifecycle";

    private static readonly HashSet<string> Known =
    [
        "LifecycleConfiguration", "Rule", "ID", "Status", "Prefix", "Filter", "And", "Tag", "Key", "Value", "ObjectSizeGreaterThan", "ObjectSizeLessThan",
        "Expiration", "Date", "Days", "ExpiredObjectDeleteMarker", "Transition", "StorageClass", "AbortIncompleteMultipartUpload", "DaysAfterInitiation",
        "NoncurrentVersionExpiration", "NoncurrentVersionTransition", "NoncurrentDays", "NewerNoncurrentVersions",
    ];

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        try
        {
            if ((int)response.StatusCode is >= 300 and < 400 and not (int)HttpStatusCode.NotModified)
            {
                throw new S3Exception(S3Fault.Refused, request.Method.Method, $"{(int)response.StatusCode} the server sends this call elsewhere: look at region and endpoint") { Status = response.StatusCode };
            }

            if (request.Method == HttpMethod.Get && IsOfRules(request.RequestUri))
            {
                await CheckRulesAsync(response, cancellationToken);
            }

            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private static bool IsOfRules(Uri? url) => url?.Query.TrimStart('?').Split('&').Any(part => part is "lifecycle" or "lifecycle=") is true;

    private static async Task CheckRulesAsync(HttpResponseMessage response, CancellationToken token)
    {
        if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.NotFound))
        {
            return;
        }

        await response.Content.LoadIntoBufferAsync(MaxRules, token);
        var text = Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync(token));
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            CheckMissing(text);
        }
        else
        {
            CheckRules(text);
        }
    }

    private static void CheckMissing(string text)
    {
        if (!text.Contains("NoSuchLifecycleConfiguration", StringComparison.Ordinal))
        {
            throw new S3Exception(S3Fault.NotFound, Operation, "404 there is no such bucket") { Status = HttpStatusCode.NotFound };
        }
    }

    private static void CheckRules(string text)
    {
        if (Parse(text)?.Root is not { Name.LocalName: "LifecycleConfiguration" } root)
        {
            throw new S3Exception(S3Fault.Refused, Operation, "the answer is not a list of rules");
        }

        if (root.DescendantsAndSelf().FirstOrDefault(element => !Known.Contains(element.Name.LocalName)) is { } unknown)
        {
            throw new S3Exception(S3Fault.NotImplemented, Operation, $"a rule of the bucket has {S3Faults.Tidy(unknown.Name.LocalName, 60)}, which would be lost in a new list of rules");
        }
    }

    private static XDocument? Parse(string text)
    {
        try
        {
            return XDocument.Parse(text.TrimStart('\uFEFF'));
        }
        catch (XmlException)
        {
            return null;
        }
    }
}
