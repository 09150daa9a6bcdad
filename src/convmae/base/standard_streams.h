#pragma once

namespace convmae {

/// The exit code of a program whose output nobody read to its end: a shell's for SIGPIPE.
inline constexpr int kReaderGoneCode = 141;

/// Puts something in the place of each standard stream that the program was started without, so
/// that no file that it opens later gets the number of one, and with it what is printed. Writing to
/// what stands there fails, as it would to the closed stream. To be called first thing in `main`. A
/// file-size limit becomes an error of writing from here on, as a full disk is.
void hold_standard_streams();

/// Delivers all that was printed to standard output; to be called last, as nothing can be printed
/// afterwards. Returns false if whoever read it has gone, as `head` does, which is no error. Throws
/// UserError if anything was lost for another reason.
bool deliver_standard_output();

}  // namespace convmae
