# ruff: noqa: E501 -- one line an entry reads best
"""The sha256 of every file whose publisher states it, by address; what has none here is taken on trust, with a warning."""

# ONNX files converted by RapidAI (Apache-2.0), relative to `MIRROR`.
MIRROR = "https://www.modelscope.cn/models/RapidAI/RapidOCR/resolve/v3.10.0/onnx"
MIRROR_FILES: dict[str, str] = {
    "PP-OCRv4/det/ch_PP-OCRv4_det_mobile.onnx": "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    "PP-OCRv4/det/ch_PP-OCRv4_det_server.onnx": "cfa39a3f298f6d3fc71789834d15da36d11a6c59b489fc16ea4733728012f786",
    "PP-OCRv4/det/en_PP-OCRv3_det_mobile.onnx": "ea07c15d38ac40cd69da3c493444ec75b44ff23840553ff8ba102c1219ed39c2",
    "PP-OCRv4/det/multi_PP-OCRv3_det_mobile.onnx": "5582933662898cd2b4c2eae8a7e5e4fbdff84773711f29db00a1cbd185059001",
    "PP-OCRv4/rec/arabic_PP-OCRv4_rec_mobile.onnx": "4a9011bef71687bb84288dc86ad2471bd5d37b717ddf672dd156f9e7a5601bac",
    "PP-OCRv4/rec/ch_PP-OCRv4_rec_mobile.onnx": "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
    "PP-OCRv4/rec/ch_PP-OCRv4_rec_server.onnx": "6a2676219be9907c7fc9cf61ebaa843bf2898777def567925b78886fcd90c07a",
    "PP-OCRv4/rec/ch_doc_PP-OCRv4_rec_server.onnx": "7062242cd57ec40b6583c3e0a5d4a674accbd710eed90bad9f52b9dd341d43b3",
    "PP-OCRv4/rec/chinese_cht_PP-OCRv3_rec_mobile.onnx": "779656d044ce388045e02ea9244724616194e63928606436cdfc6dc3c9528cc6",
    "PP-OCRv4/rec/cyrillic_PP-OCRv3_rec_mobile.onnx": "1efb65bdc460af1c0e8733d005b20952b17ca5aac10ddb56c968333791c5eaa3",
    "PP-OCRv4/rec/devanagari_PP-OCRv4_rec_mobile.onnx": "a62b6148303187907aa0b0d3a0125bdc62557d07966468cab9056949e36035e8",
    "PP-OCRv4/rec/en_PP-OCRv4_rec_mobile.onnx": "e8770c967605983d1570cdf5352041dfb68fa0c21664f49f47b155abd3e0e318",
    "PP-OCRv4/rec/japan_PP-OCRv4_rec_mobile.onnx": "e1075a67dba758ecfc7ebc78a10ae61c95ac8fb66a9c86fab5541e33f085cb7a",
    "PP-OCRv4/rec/ka_PP-OCRv4_rec_mobile.onnx": "9c1e186ea1d13cf6c853e57b42d382c3961fdd6acc2409e0d0dc44defc9f152b",
    "PP-OCRv4/rec/korean_PP-OCRv4_rec_mobile.onnx": "ab151ba9065eccd98f884cf4d927db091be86137276392072edd4f9d43ad7426",
    "PP-OCRv4/rec/latin_PP-OCRv3_rec_mobile.onnx": "e9d7a33667e8aaa702862975186adf2012e3f390cc0f9422865957125f8071cf",
    "PP-OCRv4/rec/ta_PP-OCRv4_rec_mobile.onnx": "f78d752148873c5fa6e4294002bfd162dbba54236e406a39665ebbda766161b5",
    "PP-OCRv4/rec/te_PP-OCRv4_rec_mobile.onnx": "e608c3be00c8a9ea2f5c667d90f379403e2568bd5c8183308a49ca093def8eff",
    "PP-OCRv4/cls/ch_ppocr_mobile_v2.0_cls_mobile.onnx": "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    "PP-OCRv5/det/ch_PP-OCRv5_det_mobile.onnx": "4d97c44a20d30a81aad087d6a396b08f786c4635742afc391f6621f5c6ae78ae",
    "PP-OCRv5/det/ch_PP-OCRv5_det_server.onnx": "0f8846b1d4bba223a2a2f9d9b44022fbc22cc019051a602b41a7fda9667e4cad",
    "PP-OCRv5/rec/ch_PP-OCRv5_rec_mobile.onnx": "5825fc7ebf84ae7a412be049820b4d86d77620f204a041697b0494669b1742c5",
    "PP-OCRv5/rec/ch_PP-OCRv5_rec_server.onnx": "e09385400eaaaef34ceff54aeb7c4f0f1fe014c27fa8b9905d4709b65746562a",
    "PP-OCRv5/rec/korean_PP-OCRv5_rec_mobile.onnx": "cd6e2ea50f6943ca7271eb8c56a877a5a90720b7047fe9c41a2e541a25773c9b",
    "PP-OCRv5/rec/latin_PP-OCRv5_rec_mobile.onnx": "b20bd37c168a570f583afbc8cd7925603890efbcdc000a59e22c269d160b5f5a",
    "PP-OCRv5/rec/eslav_PP-OCRv5_rec_mobile.onnx": "08705d6721849b1347d26187f15a5e362c431963a2a62bfff4feac578c489aab",
    "PP-OCRv5/rec/en_PP-OCRv5_rec_mobile.onnx": "c3461add59bb4323ecba96a492ab75e06dda42467c9e3d0c18db5d1d21924be8",
    "PP-OCRv5/rec/th_PP-OCRv5_rec_mobile.onnx": "de541dd83161c241ff426f7ecfd602a0ba77d686cf3ab9a6c255ea82fd08006e",
    "PP-OCRv5/rec/el_PP-OCRv5_rec_mobile.onnx": "b4368bccd557123c702b7549fee6cd1e94b581337d1c9b65310f109131542b7f",
    "PP-OCRv5/rec/arabic_PP-OCRv5_rec_mobile.onnx": "c1192e632d0baa9146ae5b756a0e635e3dc63c1733737ebfd1629e87144e9295",
    "PP-OCRv5/rec/cyrillic_PP-OCRv5_rec_mobile.onnx": "90f761b4bfcce0c8c561c0cb5c887b0971d3ec01c32164bdf7374a35b0982711",
    "PP-OCRv5/rec/devanagari_PP-OCRv5_rec_mobile.onnx": "d6f0a906580e3fa6b324a318718f1f31f268b6ea8ef985f91c2012a37f52c91e",
    "PP-OCRv5/rec/ta_PP-OCRv5_rec_mobile.onnx": "a42448808b7dea87597336f12438935f40353f1949e8360acd9e06b4da21bfe1",
    "PP-OCRv5/rec/te_PP-OCRv5_rec_mobile.onnx": "a3690451b50028a09a3316a1274f7c05728151ea3f8fd392696397a7fefcbd92",
    "PP-OCRv5/cls/ch_PP-LCNet_x0_25_textline_ori_cls_mobile.onnx": "54379ae5174d026780215fc748a7f31910dee36818e63d49e17dc598ecc82df7",
    "PP-OCRv5/cls/ch_PP-LCNet_x1_0_textline_ori_cls_server.onnx": "7d3c02ef6c7da8ae08b4347cc7695b2081aae68c325d64375724ecf39c99e743",
    "PP-OCRv6/det/PP-OCRv6_det_tiny.onnx": "f42c0fbd294d95eac1a550e131b277dac97462c8025fa4b6c3cec1b7894bd3d5",
    "PP-OCRv6/det/PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6/det/PP-OCRv6_det_medium.onnx": "92078b7355007ccfffcd4c8cd441a3afd4538904d06881b29a155e1e679907c2",
    "PP-OCRv6/rec/PP-OCRv6_rec_tiny.onnx": "e16e242de5937ad92609223f19bc2aff3727ee40b095f996907c24749bad251b",
    "PP-OCRv6/rec/PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    "PP-OCRv6/rec/PP-OCRv6_rec_medium.onnx": "eef444829dbbe18d7fea59a3f6eb75647518d2b3a9568d27c92e42940204894b",
}

# Files inside wheels: (distribution, version) -> path -> sha256.
WHEEL_FILES: dict[tuple[str, str], dict[str, str]] = {
    ("rapidocr", "3.10.0"): {
        "rapidocr/models/PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        "rapidocr/models/PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
        "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx": "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    },
    ("rapidocr-onnxruntime", "1.4.4"): {
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx": "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx": "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
    },
}
