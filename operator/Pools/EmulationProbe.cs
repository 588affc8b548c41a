using System.Buffers.Binary;

namespace Slipway.Pools;

/// <summary>
/// The smallest program of another architecture: it ends well, where the node runs it at all. What a node has registered for foreign
/// programs is not to be seen from a container, whose /proc has no binfmt_misc; so preflight does as buildkitd does and tries one.
/// </summary>
internal static class EmulationProbe
{
    private const ulong LoadAddress = 0x400000;

    /// <summary>By architecture: what QEMU calls it, how ELF does, and exit(0) in its own code.</summary>
    private static readonly Dictionary<string, Machine> Machines = new()
    {
        ["amd64"] = new("x86_64", 62, [0x31, 0xff, 0xb8, 0x3c, 0, 0, 0, 0x0f, 0x05]),
        ["386"] = new("i386", 3, [0x31, 0xdb, 0xb8, 0x01, 0, 0, 0, 0xcd, 0x80]) { Is64Bit = false },
        ["arm64"] = new("aarch64", 183, [0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0, 0, 0xd4]),
        ["arm"] = new("arm", 40, [0, 0, 0xa0, 0xe3, 0x01, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef]) { Is64Bit = false, Flags = 0x05000000 },
        ["riscv64"] = new("riscv64", 243, [0x13, 0x05, 0, 0, 0x93, 0x08, 0xd0, 0x05, 0x73, 0, 0, 0]),
        ["ppc64le"] = new("ppc64le", 21, [0x01, 0, 0, 0x38, 0, 0, 0x60, 0x38, 0x02, 0, 0, 0x44]) { Flags = 2 },
        ["s390x"] = new("s390x", 22, [0xa7, 0x29, 0, 0, 0x0a, 0x01]) { BigEndian = true },
    };

    /// <summary>For the script: QEMU's name for the architecture and, where there is one, the program as octal escapes.</summary>
    public static IReadOnlyList<string> Arguments(string architecture) => Machines.TryGetValue(architecture, out var machine)
        ? [machine.Qemu, string.Concat(Program(machine).Select(octet => "\\" + Convert.ToString(octet, 8).PadLeft(3, '0')))]
        : [architecture];

    /// <summary>An ELF header, one segment of the whole file, the code.</summary>
    private static List<byte> Program(Machine machine)
    {
        var (header, segment) = machine.Is64Bit ? (64, 56) : (52, 32);
        var file = new List<byte> { 0x7f, (byte)'E', (byte)'L', (byte)'F', (byte)(machine.Is64Bit ? 2 : 1), (byte)(machine.BigEndian ? 2 : 1), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
        var size = (ulong)(header + segment + machine.Code.Length);
        Half(2);
        Half(machine.Elf);
        Word(1);
        Address(LoadAddress + (ulong)(header + segment));
        Address((ulong)header);
        Address(0);
        Word(machine.Flags);
        foreach (var value in new[] { header, segment, 1, 0, 0, 0 }) Half((ushort)value);
        const uint load = 1, readAndExecute = 5;
        Word(load);
        if (machine.Is64Bit) Word(readAndExecute);
        foreach (var value in new[] { 0UL, LoadAddress, LoadAddress, size, size }) Address(value);
        if (!machine.Is64Bit) Word(readAndExecute);
        Address(0x1000);
        file.AddRange(machine.Code);
        return file;

        void Half(ushort value) => Number(value, 2);
        void Word(uint value) => Number(value, 4);
        void Address(ulong value) => Number(value, machine.Is64Bit ? 8 : 4);
        void Number(ulong value, int bytes)
        {
            var octets = new byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(octets, value);
            file.AddRange(machine.BigEndian ? octets.Take(bytes).Reverse() : octets.Take(bytes));
        }
    }

    private sealed record Machine(string Qemu, ushort Elf, byte[] Code)
    {
        public bool Is64Bit { get; init; } = true;

        public bool BigEndian { get; init; }

        public uint Flags { get; init; }
    }
}
