"""Every Python and shell snippet of PaddleOCR's documents on these modules, with only the names changed.

`paddleocr` and `paddlex` became `inkline`; web addresses, local files; `gpu:0`, `cpu`; `tools/infer/predict_system.py`,
`inkline ocr`. Comments say which document and section a snippet comes from.
"""

# shell: (id, where from, command)
SHELL = [
    (
        "rec-card-module",
        "model card latin_PP-OCRv5_mobile_rec, Model Usage",
        r"""inkline text_recognition \
    --model_name latin_PP-OCRv5_mobile_rec \
    -i W_burWoWRF52gAT0sF13x.png""",
    ),
    (
        "rec-card-pipeline",
        "model card latin_PP-OCRv5_mobile_rec, Pipeline Usage",
        r"""inkline ocr -i MDydp3KQQXvS3lTrNKVcc.png \
    --text_recognition_model_name latin_PP-OCRv5_mobile_rec \
    --use_doc_orientation_classify False \
    --use_doc_unwarping False \
    --use_textline_orientation True \
    --save_path ./output \
    --device cpu """,
    ),
    (
        "paddlex-pipeline",
        "General OCR pipeline, 2.2.1 Command Line Experience",
        r"""inkline --pipeline OCR \
--input general_ocr_002.png \
--use_doc_orientation_classify False \
--use_doc_unwarping False \
--use_textline_orientation False \
--save_path ./output \
--device cpu""",
    ),
    (
        "det-card-module",
        "model card PP-OCRv4_server_det, Model Usage",
        r"""inkline text_detection \
    --model_name PP-OCRv4_server_det \
    -i 3ul2Rq4Sk5Cn-l69D695U.png""",
    ),
    (
        "det-card-pipeline",
        "model card PP-OCRv4_server_det, Pipeline Usage",
        r"""inkline ocr -i 3ul2Rq4Sk5Cn-l69D695U.png \
    --text_detection_model_name PP-OCRv4_server_det \
    --text_recognition_model_name PP-OCRv4_server_rec \
    --use_doc_orientation_classify False \
    --use_doc_unwarping False \
    --use_textline_orientation False \
    --save_path ./output \
    --device cpu """,
    ),
    (
        "readme-2020-image",
        "PaddleOCR readme of 2020, 3. Single image and batch image prediction",
        'inkline ocr --image_dir="./doc/imgs/11.jpg" --det_model_dir="./inference/ch_det_mv3_db/"  '
        '--rec_model_dir="./inference/ch_rec_mv3_crnn/"',
    ),
    (
        "readme-2020-folder",
        "PaddleOCR readme of 2020, 3.",
        'inkline ocr --image_dir="./doc/imgs/" --det_model_dir="./inference/ch_det_mv3_db/"  '
        '--rec_model_dir="./inference/ch_rec_mv3_crnn/"',
    ),
    (
        "readme-2020-cpu",
        "PaddleOCR readme of 2020, 3.",
        'inkline ocr --image_dir="./doc/imgs/11.jpg" --det_model_dir="./inference/ch_det_mv3_db/"  '
        '--rec_model_dir="./inference/ch_rec_mv3_crnn/" --use_gpu=False',
    ),
    (
        "readme-2020-general",
        "PaddleOCR readme of 2020, 3., generic model",
        'inkline ocr --image_dir="./doc/imgs/11.jpg" --det_model_dir="./inference/ch_det_r50_vd_db/"  '
        '--rec_model_dir="./inference/ch_rec_r34_vd_crnn/"',
    ),
]

# Python: (id, where from, program)
PYTHON = [
    (
        "rec-card-module",
        "model card latin_PP-OCRv5_mobile_rec, Model Usage",
        """
from inkline import TextRecognition
model = TextRecognition(model_name="latin_PP-OCRv5_mobile_rec")
output = model.predict(input="W_burWoWRF52gAT0sF13x.png", batch_size=1)
for res in output:
    res.print()
    res.save_to_img(save_path="./output/")
    res.save_to_json(save_path="./output/res.json")
""",
    ),
    (
        "rec-card-pipeline",
        "model card latin_PP-OCRv5_mobile_rec, Pipeline Usage",
        """
from inkline import PaddleOCR

ocr = PaddleOCR(
    text_recognition_model_name="latin_PP-OCRv5_mobile_rec",
    use_doc_orientation_classify=False, # Use use_doc_orientation_classify to enable/disable document orientation
    use_doc_unwarping=False, # Use use_doc_unwarping to enable/disable document unwarping module
    use_textline_orientation=True, # Use use_textline_orientation to enable/disable textline orientation
    device="cpu", # Use device to specify GPU for model inference
)
result = ocr.predict("MDydp3KQQXvS3lTrNKVcc.png")
for res in result:
    res.print()
    res.save_to_img("output")
    res.save_to_json("output")
""",
    ),
    (
        "paddlex-pipeline",
        "General OCR pipeline, 2.2.2 Python Script Integration",
        """
from inkline import create_pipeline

pipeline = create_pipeline(pipeline="OCR")

output = pipeline.predict(
    input="./general_ocr_002.png",
    use_doc_orientation_classify=False,
    use_doc_unwarping=False,
    use_textline_orientation=False,
)
for res in output:
    res.print()
    res.save_to_img(save_path="./output/")
    res.save_to_json(save_path="./output/")
""",
    ),
    (
        "det-card-module",
        "model card PP-OCRv4_server_det, Model Usage",
        """
from inkline import TextDetection
model = TextDetection(model_name="PP-OCRv4_server_det")
output = model.predict(input="3ul2Rq4Sk5Cn-l69D695U.png", batch_size=1)
for res in output:
    res.print()
    res.save_to_img(save_path="./output/")
    res.save_to_json(save_path="./output/res.json")
""",
    ),
    (
        "det-card-pipeline",
        "model card PP-OCRv4_server_det, Pipeline Usage",
        """
from inkline import PaddleOCR

ocr = PaddleOCR(
    text_detection_model_name="PP-OCRv4_server_det",
    text_recognition_model_name="PP-OCRv4_server_rec",
    use_doc_orientation_classify=False, # Disables document orientation classification model via this parameter
    use_doc_unwarping=False, # Disables text image rectification model via this parameter
    use_textline_orientation=False, # Disables text line orientation classification model via this parameter
)
result = ocr.predict("./general_ocr.png")
for res in result:
    res.print()
    res.save_to_img("output")
    res.save_to_json("output")
""",
    ),
]

# The client of the service: tests/service/test_contracts.py runs it against one, with that one's address.
CLIENT = (
    "General OCR pipeline, service deployment, Python client",
    """
import base64
import requests

API_URL = "http://localhost:8080/ocr"
file_path = "./demo.jpg"

with open(file_path, "rb") as file:
    file_bytes = file.read()
    file_data = base64.b64encode(file_bytes).decode("ascii")

payload = {"file": file_data, "fileType": 1}

# Call the API
response = requests.post(API_URL, json=payload)

# Process the response data
assert response.status_code == 200
result = response.json()["result"]
for i, res in enumerate(result["ocrResults"]):
    print("Detected texts:")
    print(res["texts"])
    output_img_path = f"out_{i}.jpg"
    with open(output_img_path, "wb") as f:
        f.write(base64.b64decode(res["image"]))
    print(f"Output image saved at {output_img_path}")
""",
)
