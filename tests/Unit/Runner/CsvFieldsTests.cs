using CsCheck;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class CsvFieldsTests
{
    [Theory]
    [InlineData("a=b", "a=b")]
    [InlineData("a=b,c", "\"a=b,c\"")]
    [InlineData("a=\"b\"", "\"a=\"\"b\"\"\"")]
    [InlineData("a=b\nc", "\"a=b\nc\"")]
    [InlineData(" a=b", "\" a=b\"")]
    [InlineData("", "\"\"")]
    public void Join_WhenAFieldHasSpecialCharacters_QuotesIt(string field, string expected) => CsvFields.Join([field]).ShouldBe(expected);

    [Fact]
    public void Join_WhenReadBack_GivesTheSameFields() =>
        Gen.String[Gen.Char["ab,\"\n\r= "], 0, 8].Array[1, 5].Sample(fields => Read(CsvFields.Join(fields)).ShouldBe(fields));

    /// <summary>RFC 4180, the plain way.</summary>
    private static List<string> Read(string record)
    {
        var (fields, field, quoted) = (new List<string>(), new System.Text.StringBuilder(), false);
        for (var at = 0; at < record.Length; at++)
        {
            var c = record[at];
            if (quoted && c == '"' && at + 1 < record.Length && record[at + 1] == '"')
            {
                field.Append(record[++at]);
            }
            else if (c == '"')
            {
                quoted = !quoted;
            }
            else if (c == ',' && !quoted)
            {
                fields.Add(field.ToString());
                field.Clear();
            }
            else
            {
                field.Append(c);
            }
        }

        return [.. fields, field.ToString()];
    }
}
