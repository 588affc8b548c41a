using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Slipway.Scheduling;

/// <summary>Which builder a scope goes to: always the same one while the builders stay the same and it has room.</summary>
internal static class Placement
{
    /// <summary>Rendezvous hashing, spilling over to the next best where the best is full. Null where all are full.</summary>
    public static Builder? Choose(string scope, IEnumerable<Builder> builders, Func<Builder, bool> hasRoom) => builders
        .OrderByDescending(builder => Weight(scope, builder.Name))
        .ThenBy(builder => builder.Name, StringComparer.Ordinal)
        .FirstOrDefault(hasRoom);

    /// <summary>By name, not by uid: a builder that comes back has its volume, and so its cache.</summary>
    private static ulong Weight(string scope, string builder) => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{scope}\n{builder}")));
}
