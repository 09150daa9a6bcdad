#include "convmae/io/pth/pth.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/pth/pickle_machine.h"
#include "convmae/io/pth/pth_container.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

bool begins_with(std::span<const std::byte> file, std::string_view magic) {
  return file.size() >= magic.size() &&
         std::ranges::equal(file.first(magic.size()), std::as_bytes(std::span(magic)));
}

bool is_zip(std::span<const std::byte> file) { return begins_with(file, "PK\x03\x04"); }

}  // namespace

bool looks_like_pth(std::span<const std::byte> file) {
  // a legacy file begins with the opcode PROTO
  return is_zip(file) || begins_with(file, "\x80");
}

PthContent parse_pth(std::span<const std::byte> file, const std::filesystem::path& path) {
  try {
    PthContent content;
    PickleObjects objects(content.arena, file.size());
    if (!looks_like_pth(file)) throw UserError("it begins like no file that torch.save writes");
    content.container = is_zip(file) ? PthContainer::zip : PthContainer::legacy;
    content.root = content.container == PthContainer::zip ? read_zip_container(file, objects)
                                                          : read_legacy_container(file, objects);
    check_document(content.root, content.arena, file.size());
    return content;
  } catch (const UserError& error) {
    throw UserError("cannot read " + quote(path.string()) +
                    " as a PyTorch checkpoint: " + error.what());
  }
}

PthFile::PthFile(const std::filesystem::path& path)
    : file_(path), content_(parse_pth(file_.bytes(), path)) {}

void read_tensor(const MappedFile& file, const StridedTensor& tensor, std::span<std::byte> out) {
  if (tensor.is_contiguous() && file.contains(tensor.contiguous_data())) {
    file.read(tensor.contiguous_data(), out);
  } else {
    copy_elements(tensor, out);
  }
}

}  // namespace convmae
