namespace Slipway.Runner;

/// <summary>
/// buildctl reads --output, cache and attestation attributes as one CSV record. Encoding is all that stands between a
/// value and an attribute of its own, so it lives in one place.
/// </summary>
internal static class CsvFields
{
    private const string Special = ",\"\n\r";

    public static string Join(IEnumerable<string> fields) => string.Join(',', fields.Select(Quote));

    // A leading space needs quotes too: readers differ in whether they trim it. An empty record would be no field at all.
    private static string Quote(string field) =>
        field.Length > 0 && field[0] is not (' ' or '\t') && field.AsSpan().IndexOfAny(Special) < 0
            ? field
            : $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
